-- A declared value whose rows are in the default partition is counted as a range is; another one is only told of.
CREATE TABLE langs (lang text) PARTITION BY LIST (lang);
CREATE TABLE langs_rest PARTITION OF langs DEFAULT;
INSERT INTO langs SELECT x FROM unnest('{de,fr,it,it,it}'::text[]) x;
ANALYZE langs_rest;
SELECT partition, status FROM warden.partition_by_list('langs', keys => '{de,fr,es}', min_rows => 2);
SELECT colliding FROM warden.partition_sets WHERE parent = 'langs'::regclass;
SELECT xmin AS before FROM warden.partition_states WHERE parent = 'langs'::regclass \gset
CALL warden.maintain();
SELECT count(*) FROM warden.partition_maintain('langs');
SELECT colliding, s.xmin = :'before' AS is_silent FROM warden.partition_states s WHERE parent = 'langs'::regclass;
DELETE FROM langs WHERE lang = 'fr';
CALL warden.maintain();
SELECT colliding FROM warden.partition_sets WHERE parent = 'langs'::regclass;
-- What somebody does by hand counts as well.
DELETE FROM langs WHERE lang = 'de';
CREATE TABLE langs_de PARTITION OF langs FOR VALUES IN ('de');
CALL warden.maintain();
SELECT colliding FROM warden.partition_sets WHERE parent = 'langs'::regclass;
DROP TABLE langs;
