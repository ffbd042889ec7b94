-- Arguments that cannot be right: SQLSTATE, message, detail, and a hint that says what to type instead.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA wrong;
SET search_path = wrong;
CREATE FUNCTION diagnose(command text) RETURNS TABLE (field text, said text) LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; details text; advice text;
BEGIN
    EXECUTE command;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = 'accepted'; -- and undone
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', details), ('hint', advice)) v (f, s) WHERE s <> '';
END
$$;
CREATE FUNCTION schedule(schedule text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.schedule_add(''wrong'', %L, ''SELECT 1'')', schedule)) $$;
-- arguments: those after the command
CREATE FUNCTION refuse(arguments text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.schedule_add(''wrong'', ''@daily'', ''SELECT 1'', %s)', arguments)) $$;
\pset tuples_only on
\pset format unaligned
\pset fieldsep ': '

-- what must not be null
SELECT * FROM diagnose($$SELECT warden.schedule_add(NULL, '@daily', 'SELECT 1')$$);
SELECT * FROM diagnose($$SELECT warden.schedule_add('wrong', NULL, 'SELECT 1')$$);
SELECT * FROM diagnose($$SELECT warden.schedule_add('wrong', '@daily', NULL)$$);
SELECT * FROM refuse('max_retries => NULL');
SELECT * FROM refuse('retry_delay => NULL');
SELECT * FROM refuse('overlap => NULL');
-- what may
SELECT * FROM refuse('timezone => NULL, max_runtime => NULL, missed => NULL, start_window => NULL');

-- names
SELECT * FROM diagnose($$SELECT warden.schedule_add('', '@daily', 'SELECT 1')$$);
SELECT * FROM diagnose($$SELECT warden.schedule_add(repeat('x', 64), '@daily', 'SELECT 1')$$);
SELECT * FROM diagnose($$SELECT warden.schedule_add(repeat('ä', 32), '@daily', 'SELECT 1')$$);

-- cron: the number of fields, what is in them, and their bounds
SELECT * FROM schedule('');
SELECT * FROM schedule(' ');
SELECT * FROM schedule('*');
SELECT * FROM schedule('* * * *');
SELECT * FROM schedule('* * * * * *');
SELECT * FROM schedule('60 * * * *');
SELECT * FROM schedule('* 24 * * *');
SELECT * FROM schedule('* * 0 * *');
SELECT * FROM schedule('* * 32 * *');
SELECT * FROM schedule('* * * 0 *');
SELECT * FROM schedule('* * * 13 *');
SELECT * FROM schedule('* * * * 8');
SELECT * FROM schedule('-1 * * * *');
SELECT * FROM schedule('5-1 * * * *');
SELECT * FROM schedule('* * * * fri-mon');
SELECT * FROM schedule('* * * dec-jan *');
SELECT * FROM schedule('*/0 * * * *');
SELECT * FROM schedule('1- * * * *');
SELECT * FROM schedule('1, * * * *');
SELECT * FROM schedule(',1 * * * *');
SELECT * FROM schedule('1,,2 * * * *');
SELECT * FROM schedule('*/ * * * *');
SELECT * FROM schedule('1/2/3 * * * *');
SELECT * FROM schedule('1-2-3 * * * *');
SELECT * FROM schedule('? * * * *');
SELECT * FROM schedule('5x * * * *');
SELECT * FROM schedule('0x5 * * * *');
SELECT * FROM schedule('1.5 * * * *');
SELECT * FROM schedule('jan * * * *');
SELECT * FROM schedule('* * * mon *');
SELECT * FROM schedule('* * * * jan');
SELECT * FROM schedule('* * * janx *');
SELECT * FROM schedule('* * * * monk');
SELECT * FROM schedule('L * * * *');
SELECT * FROM schedule('* * * L *');
SELECT * FROM schedule('* * * * L');
SELECT * FROM schedule('* * L-3 * *');
SELECT * FROM schedule('* * 1-L * *');
SELECT * FROM schedule('* * $ * *');
SELECT * FROM schedule('99999999999999999999 * * * *');
SELECT * FROM schedule('4294967296 * * * *');
SELECT * FROM schedule('*/99999999999999999999 * * * *');
SELECT * FROM schedule('* * * * %s');
SELECT * FROM schedule('* * * * ä');
-- never
SELECT * FROM schedule('0 0 30 2 *');
SELECT * FROM schedule('0 0 31 4,6,9,11 *');
SELECT * FROM schedule('0 0 31 2 *');
-- macros
SELECT * FROM schedule('@');
SELECT * FROM schedule('@reboot');
SELECT * FROM schedule('@never');
SELECT * FROM schedule('@daily @daily');
-- intervals
SELECT * FROM schedule('0 seconds');
SELECT * FROM schedule('-5 minutes');
SELECT * FROM schedule('999 milliseconds');
SELECT * FROM schedule('1 month');
SELECT * FROM schedule('1 year');
SELECT * FROM schedule('1 month -29 days');
SELECT * FROM schedule('1 day -25 hours');
SELECT * FROM schedule('999999999999 days');
SELECT * FROM schedule('107000000 days');
SELECT * FROM schedule('infinity');
SELECT * FROM schedule('-infinity');
-- moments
SELECT * FROM schedule('2001-02-03 04:05');
SELECT * FROM schedule('2001-02-03 04:05+00');
SELECT * FROM schedule('2101-02-29 04:05');
SELECT * FROM schedule('9999999-01-01');
SELECT * FROM schedule('now');
SELECT * FROM schedule('yesterday');
-- none of them
SELECT * FROM schedule('whenever');
SELECT * FROM schedule('every 5 minutes');
SELECT * FROM schedule('5 parsecs');
SELECT * FROM schedule(E'* * *\n* whenever');

-- the other arguments
SELECT * FROM refuse($$timezone => 'Mars/Base'$$);
SELECT * FROM refuse($$timezone => ''$$);
SELECT * FROM refuse($$timezone => '../../etc/passwd'$$);
SELECT * FROM refuse($$max_runtime => '0'$$);
SELECT * FROM refuse($$max_runtime => '-1 second'$$);
SELECT * FROM refuse($$max_runtime => '999999999 years'$$);
SELECT * FROM refuse($$max_retries => -1$$);
SELECT * FROM refuse($$retry_delay => '-1 second'$$);
SELECT * FROM refuse($$missed => 'never'$$);
SELECT * FROM refuse($$missed => 'Once'$$);
SELECT * FROM refuse($$missed => ''$$);
SELECT * FROM refuse($$overlap => 'never'$$);
SELECT * FROM refuse($$overlap => ''$$);
SELECT * FROM refuse($$start_window => ''$$);
SELECT * FROM refuse($$start_window => ';'$$);
SELECT * FROM refuse($$start_window => 'Mon-'$$);
SELECT * FROM refuse($$start_window => 'Someday'$$);
SELECT * FROM refuse($$start_window => '22:00'$$);
SELECT * FROM refuse($$start_window => '22:00-'$$);
SELECT * FROM refuse($$start_window => '22:00-25:00'$$);
SELECT * FROM refuse($$start_window => '22:60-23:00'$$);
SELECT * FROM refuse($$start_window => '22:00-22:00'$$);
SELECT * FROM refuse($$start_window => 'Mon 22:00-23:00 Tue'$$);
SELECT * FROM refuse($$start_window => '* * * * *'$$);
-- no slot of it is ever in the window
SELECT * FROM diagnose($$SELECT warden.schedule_add('wrong', '0 12 * * *', 'SELECT 1', start_window => '22:00-06:00')$$);
SELECT * FROM diagnose($$SELECT warden.schedule_add('wrong', '0 12 * * sun', 'SELECT 1', start_window => 'Mon-Sat')$$);

-- windows that are right
SELECT * FROM refuse($$start_window => 'Mon-Fri 22:00-06:00'$$);
SELECT * FROM refuse($$start_window => 'Sat,Sun'$$);
SELECT * FROM refuse($$start_window => '22:00-06:00'$$);
SELECT * FROM refuse($$start_window => 'mon 22:00-06:00; SAT , sun ;Wed 00:00-24:00'$$);
SELECT * FROM refuse($$start_window => 'Fri-Mon 00:00-06:00'$$);

-- a job that is there is not touched by what is refused, not in part either
SELECT warden.schedule_add('wrong', '@daily', 'SELECT 0', max_retries => 7) > 0;
SELECT * FROM refuse($$max_retries => 8, overlap => 'never'$$);
SELECT schedule, command, max_retries FROM warden.schedule_jobs WHERE name = 'wrong';
SELECT warden.schedule_remove('wrong');
SELECT count(*) FROM warden.schedule_jobs WHERE name = 'wrong';
DROP SCHEMA wrong CASCADE;
