-- A key of type date, with a boundary that was said in another zone or at another time: it is the day that counts.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA dates;
SET search_path = dates;
CREATE FUNCTION drop_last() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT format('DROP TABLE %s', partition) FROM warden.partitions ORDER BY upper_bound::date DESC LIMIT 1);
END $$;
CREATE TABLE days (day date) PARTITION BY RANGE (day);
CREATE FUNCTION shape() RETURNS TABLE (several boolean, names text, lengths text, holes bigint) LANGUAGE sql AS $$
    SELECT count(*) > 2, string_agg(DISTINCT regexp_replace(regexp_replace(partition::text, '\d{8}', 'day'), '^' || parent, ''), ' '),
           string_agg(DISTINCT (upper_bound::date - lower_bound::date)::text, ' '),
           count(*) FILTER (WHERE replace(lower_bound, '-', '') <> substr(partition::text, length(partition::text) - 7)
                            OR upper_bound <> next)
    FROM (SELECT *, lead(lower_bound, 1, upper_bound) OVER (PARTITION BY parent ORDER BY lower_bound::date) AS next
          FROM warden.partitions) p GROUP BY parent $$;
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('days', '1 day', ahead => '5 days',
    anchor => '2026-01-01 00:00+00', timezone => 'Europe/Berlin');
SELECT * FROM shape();
SELECT drop_last();
SELECT DISTINCT action, status, detail FROM warden.partition_maintain('days');
SELECT * FROM shape();
DROP TABLE days;
CREATE TABLE days (day date) PARTITION BY RANGE (day);
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('days', '7 days', ahead => '50 days',
    anchor => '1969-12-29 23:00+00', timezone => 'America/New_York');
SELECT DISTINCT extract(dow FROM lower_bound::date), upper_bound::date - lower_bound::date AS days FROM warden.partitions;
SELECT drop_last();
SELECT DISTINCT action, status, detail FROM warden.partition_maintain('days');
SELECT * FROM shape();
DROP SCHEMA dates CASCADE;
