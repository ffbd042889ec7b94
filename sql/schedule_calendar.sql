-- What next_run becomes, by each kind of schedule and in several zones. What is right is found in another way: by looking at
-- every minute of the days to come.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA calendar;
SET search_path = calendar;
-- The first moment after an instant on days (d) and at times (h, m) like these.
CREATE FUNCTION first_after(instant timestamptz, zone text, days text, times text) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE found timestamptz;
BEGIN
    EXECUTE format($query$
        SELECT min(moment)
        FROM (SELECT day::date AS d FROM generate_series(($1 AT TIME ZONE $2)::date, ($1 AT TIME ZONE $2)::date + 3700,
                                                         '1 day') day
              WHERE %s ORDER BY day LIMIT 2) days,
             generate_series(0, 23) h, generate_series(0, 59) m,
             LATERAL (SELECT (d + make_time(h, m, 0)) AT TIME ZONE $2) moments (moment)
        WHERE %s AND moment > $1 $query$,
        replace(replace(replace(replace(days, 'dom', 'extract(day FROM day)'), 'mon', 'extract(month FROM day)'),
            'dow', 'extract(dow FROM day)'), 'last', '(day + ''1 day'')::date = date_trunc(''month'', day + ''1 day'')'),
        times)
    INTO found USING instant, zone;
    RETURN found;
END $$;
-- Whether a schedule's next run is that.
CREATE FUNCTION next_is(schedule text, days text, times text, zone text DEFAULT 'UTC', start_window text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    earliest timestamptz := clock_timestamp();
    latest timestamptz;
    next timestamptz;
BEGIN
    -- the command is no harm if it is run
    PERFORM warden.schedule_add('calendar', schedule, 'SELECT 1', timezone => zone, start_window => start_window);
    SELECT next_run INTO next FROM warden.schedule_jobs WHERE name = 'calendar';
    latest := clock_timestamp();
    IF next IN (calendar.first_after(earliest, zone, days, times), calendar.first_after(latest, zone, days, times)) THEN
        RETURN 'as expected';
    END IF;
    RETURN format('%s, not %s', next, calendar.first_after(latest, zone, days, times));
END $$;

-- cron
SELECT schedule, next_is(schedule, days, times)
FROM (VALUES
    ('* * * * *', 'true', 'true'),
    ('0 * * * *', 'true', 'm = 0'),
    ('5,10,59 * * * *', 'true', 'm IN (5, 10, 59)'),
    ('*/5 * * * *', 'true', 'm % 5 = 0'),
    ('*/7 * * * *', 'true', 'm % 7 = 0'),
    ('1-30/7 * * * *', 'true', 'm IN (1, 8, 15, 22, 29)'),
    ('5/10 * * * *', 'true', 'm IN (5, 15, 25, 35, 45, 55)'),
    ('0-59 0-23 1-31 1-12 0-7', 'true', 'true'),
    ('10-20,40,50-59/3 */6 * * *', 'true', '(m BETWEEN 10 AND 20 OR m IN (40, 50, 53, 56, 59)) AND h % 6 = 0'),
    ('07 03 * * *', 'true', 'm = 7 AND h = 3'),
    ('30 14 * * *', 'true', 'm = 30 AND h = 14'),
    ('0 3 15 * *', 'dom = 15', 'm = 0 AND h = 3'),
    ('0 3 31 * *', 'dom = 31', 'm = 0 AND h = 3'),
    ('0 3 */10 * *', 'dom IN (1, 11, 21, 31)', 'm = 0 AND h = 3'),
    ('0 3 L * *', 'last', 'm = 0 AND h = 3'),
    ('0 3 l * *', 'last', 'm = 0 AND h = 3'),
    ('0 3 15,L * *', 'dom = 15 OR last', 'm = 0 AND h = 3'),
    ('0 3 L 2 *', 'last AND mon = 2', 'm = 0 AND h = 3'),
    ('0 3 29 2 *', 'dom = 29 AND mon = 2', 'm = 0 AND h = 3'),
    ('0 3 30,29 feb *', 'dom = 29 AND mon = 2', 'm = 0 AND h = 3'),
    ('0 3 * JAN,Apr-jun *', 'mon IN (1, 4, 5, 6)', 'm = 0 AND h = 3'),
    ('0 3 * */5 *', 'mon IN (1, 6, 11)', 'm = 0 AND h = 3'),
    ('0 3 * * 0', 'dow = 0', 'm = 0 AND h = 3'),
    ('0 3 * * 7', 'dow = 0', 'm = 0 AND h = 3'),
    ('0 3 * * sun', 'dow = 0', 'm = 0 AND h = 3'),
    ('0 3 * * 5-7', 'dow IN (5, 6, 0)', 'm = 0 AND h = 3'),
    ('0 3 * * Mon-FRI', 'dow BETWEEN 1 AND 5', 'm = 0 AND h = 3'),
    ('0 3 * * sun-tue', 'dow IN (0, 1, 2)', 'm = 0 AND h = 3'),
    ('0 3 * * mon,wed,fri', 'dow IN (1, 3, 5)', 'm = 0 AND h = 3'),
    -- both days are restricted: either
    ('0 3 13 * fri', 'dom = 13 OR dow = 5', 'm = 0 AND h = 3'),
    ('0 3 L * sat', 'last OR dow = 6', 'm = 0 AND h = 3'),
    ('0 3 30 2 mon', 'mon = 2 AND dow = 1', 'm = 0 AND h = 3'),
    -- a field that begins with * is no restriction
    ('0 3 */2 * fri', 'dom % 2 = 1 AND dow = 5', 'm = 0 AND h = 3'),
    ('0 3 13 * */2', 'dom = 13 AND dow % 2 = 0', 'm = 0 AND h = 3'),
    ('@hourly', 'true', 'm = 0'),
    ('@daily', 'true', 'm = 0 AND h = 0'),
    ('@midnight', 'true', 'm = 0 AND h = 0'),
    ('@weekly', 'dow = 0', 'm = 0 AND h = 0'),
    ('@monthly', 'dom = 1', 'm = 0 AND h = 0'),
    ('@yearly', 'dom = 1 AND mon = 1', 'm = 0 AND h = 0'),
    ('@annually', 'dom = 1 AND mon = 1', 'm = 0 AND h = 0'),
    ('@Daily', 'true', 'm = 0 AND h = 0'),
    (E'  0\t3   * *  *  ', 'true', 'm = 0 AND h = 3')
) v (schedule, days, times);
-- in the zone of the job, which is the session's if none is given
SELECT zone, next_is('30 14 * * mon', 'dow = 1', 'm = 30 AND h = 14', zone)
FROM unnest('{Europe/Berlin,America/New_York,Asia/Kolkata,Australia/Lord_Howe,Pacific/Kiritimati,Pacific/Pago_Pago,UTC,europe/berlin,
    XXX-3:30}'::text[]) zone;
SET timezone = 'Asia/Kathmandu';
SELECT warden.schedule_add('calendar', '0 12 * * *', 'SELECT 1') > 0;
SELECT timezone, to_char(next_run AT TIME ZONE 'UTC', 'HH24:MI') FROM warden.schedule_jobs WHERE name = 'calendar';
SET timezone = 'UTC';
SELECT timezone, to_char(next_run AT TIME ZONE 'UTC', 'HH24:MI') FROM warden.schedule_jobs WHERE name = 'calendar';

-- intervals: since it was added, by the second
CREATE FUNCTION interval_is(schedule text, length interval) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.schedule_add('calendar', schedule, 'SELECT 1', timezone => 'America/New_York');
    RETURN (SELECT next_run BETWEEN date_trunc('second', now()) + length AND clock_timestamp() + length
            FROM warden.schedule_jobs WHERE name = 'calendar');
END $$;
SELECT schedule, interval_is(schedule, length::interval)
FROM (VALUES ('1 second', '1 second'), ('1.5 seconds', '1.5 seconds'), ('90 seconds', '90 seconds'), ('5 minutes', '5 minutes'),
    ('90m', '90 minutes'), ('@ 5 minutes', '5 minutes'), ('1 day', '24 hours'), ('2 weeks', '336 hours'), ('1 day -1 hour', '23 hours'),
    ('1000 days', '24000 hours'), ('1 day 02:03:04.5', '26:03:04.5'), ('P1DT1H', '25 hours')
) v (schedule, length);
-- the zone of the session has no influence on how long a day is
SET timezone = 'Europe/Berlin';
SELECT interval_is('366 days', '8784 hours');
SET timezone = 'UTC';

-- single runs: read in the zone of the job
CREATE FUNCTION moment(schedule text, zone text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.schedule_add('calendar', schedule, 'SELECT 1', timezone => zone);
    RETURN (SELECT next_run AT TIME ZONE 'UTC' FROM warden.schedule_jobs WHERE name = 'calendar');
END $$;
SELECT moment('2090-01-02 03:04:05');
SELECT moment('2090-01-02');
SELECT moment('2090-01-02 03:04:05.678', 'XXX-3:30');
SELECT moment('2090-01-02 03:04:05+01', 'XXX-3:30');
SELECT moment('2090-01-02 03:04:05 America/New_York', 'XXX-3:30');
SELECT moment('2090-07-02T03:04:05Z', 'XXX-3:30');
-- in the gap, and twice, as the server reads it
SELECT moment('2090-03-12 02:30', zone), timestamp '2090-03-12 02:30' AT TIME ZONE zone AS server
FROM (VALUES ('EST5EDT,M3.2.0,M11.1.0')) v (zone);
SELECT moment('2090-11-05 01:30', zone), timestamp '2090-11-05 01:30' AT TIME ZONE zone AS server
FROM (VALUES ('EST5EDT,M3.2.0,M11.1.0')) v (zone);
SET datestyle = 'ISO, DMY';
SELECT moment('01/02/2090 03:04');
SET datestyle = 'ISO, MDY';
SELECT moment('01/02/2090 03:04');
-- the moment is what was meant then
SET datestyle = 'ISO, DMY';
SET timezone = 'XXX-12';
SELECT next_run AT TIME ZONE 'UTC' AS moment FROM warden.schedule_jobs WHERE name = 'calendar';
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
SELECT moment('2090-01-02 03:04:05');
SELECT warden.schedule_pause('calendar');
SELECT warden.schedule_resume('calendar');
SELECT next_run FROM warden.schedule_jobs WHERE name = 'calendar';

-- what is missed: by the kind
CREATE FUNCTION missed(schedule text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.schedule_add('calendar', schedule, 'SELECT 1');
    RETURN (SELECT missed FROM warden.schedule_jobs WHERE name = 'calendar');
END $$;
SELECT schedule, missed(schedule) FROM unnest('{@daily,1 day,2090-01-01,0 3 * * *}'::text[]) schedule;

-- a window: slots outside of it are no slots
SELECT schedule, start_window, next_is(schedule, days, times, 'Asia/Kolkata', start_window)
FROM (VALUES
    ('0 * * * *', '22:00-06:00', 'true', 'm = 0 AND (h >= 22 OR h < 6)'),
    ('*/20 * * * *', '10:20-10:40', 'true', 'm = 20 AND h = 10'),
    ('0 12 * * *', 'Sat,Sun', 'dow IN (0, 6)', 'm = 0 AND h = 12'),
    ('0 12 * * *', 'Fri-Mon', 'dow IN (5, 6, 0, 1)', 'm = 0 AND h = 12'),
    ('0 1 * * *', 'Mon 22:00-06:00', 'dow = 2', 'm = 0 AND h = 1'),
    ('0 22 * * *', 'Mon 22:00-06:00', 'dow = 1', 'm = 0 AND h = 22'),
    ('0 1,23 * * *', 'Sun 22:00-06:00', 'dow IN (0, 1)', 'm = 0 AND (h = 23 AND extract(dow FROM d) = 0 OR h = 1 AND extract(dow FROM d) = 1)'),
    ('0 12 * * *', 'Mon 11:00-13:00; Wed 12:00-24:00; Thu 11:00-12:00', 'dow IN (1, 3)', 'm = 0 AND h = 12')
) v (schedule, start_window, days, times);

SELECT warden.schedule_remove('calendar');
DROP SCHEMA calendar CASCADE;
