-- How a set below another stands is told as that of any set: what somebody has put right is not told any more.
CREATE TABLE visits (at timestamptz NOT NULL, country text, pad text) PARTITION BY RANGE (at);
CREATE TABLE visits_all PARTITION OF visits FOR VALUES FROM (MINVALUE) TO (MAXVALUE) PARTITION BY LIST (country);
CREATE TABLE visits_rest PARTITION OF visits_all DEFAULT;
ALTER TABLE visits_rest ALTER pad SET STORAGE PLAIN;
INSERT INTO visits SELECT '2020-01-01', 'xx', repeat('x', 7900) FROM generate_series(1, 1100);
SELECT * FROM warden.partition_by_time('visits', '1 day');
SELECT parent, partition, status FROM warden.partition_subdivide('visits', 'list', 'country', keys => '{de}');
SELECT parent, skipped FROM warden.partition_sets_below;
TRUNCATE visits_rest;
CREATE TABLE visits_de PARTITION OF visits_all FOR VALUES IN ('de');
CALL warden.maintain();
SELECT parent, skipped FROM warden.partition_sets_below;
-- Then nothing more is written.
SELECT xmin AS before FROM warden.partition_states WHERE parent = 'visits_all'::regclass \gset
CALL warden.maintain();
SELECT xmin = :'before' AS is_silent FROM warden.partition_states WHERE parent = 'visits_all'::regclass;
DROP TABLE visits;
