-- A declaration of another kind leaves nothing of the one before: a dump may bring that of a table that is not the one
-- that was dumped.
CREATE TABLE lists (k text, n int) PARTITION BY LIST (k);
SELECT partition, status FROM warden.partition_by_list('lists', keys => '{de}');
CREATE TABLE numbers (n bigint) PARTITION BY RANGE (n);
UPDATE warden.partition_policies SET parent = 'numbers'::regclass::oid WHERE parent::oid = 'lists'::regclass;
SELECT status, detail FROM warden.partition_maintain('numbers');
SELECT partition, status, detail FROM warden.partition_by_number('numbers', 100, ahead => 100);
SELECT method, keys, min_rows, modulus, every_number FROM warden.partition_policies WHERE parent::oid = 'numbers'::regclass;
SELECT * FROM warden.partition_maintain('numbers');
-- And the other way round.
SELECT count(*) FROM warden.partition_by_number('numbers', 100, ahead => 100, keep => 500, on_expiry => 'detach');
UPDATE warden.partition_policies SET parent = 'lists'::regclass::oid WHERE parent::oid = 'numbers'::regclass;
SELECT partition, status FROM warden.partition_by_list('lists', keys => '{de,fr}');
SELECT method, keys, key_format, every_number, ahead_number, keep_number, anchor_number, on_expiry
FROM warden.partition_policies WHERE parent::oid = 'lists'::regclass;
SELECT * FROM warden.partition_maintain('lists');
DROP TABLE lists, numbers;
