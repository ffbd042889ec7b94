-- B-trees, measured by a sample: how often the truth is inside the interval, what it costs, and that the same seed draws
-- the same pages.
CREATE SCHEMA bloat_btree_sample;
SET search_path = bloat_btree_sample;
SET client_min_messages = warning;

-- The interval has the truth in it for 186 of 200 seeds, and is not so wide that it says nothing.
CREATE PROCEDURE check_coverage(name text, index regclass, most_pages integer) LANGUAGE plpgsql AS $$
DECLARE
    truth bigint;
    before bigint := pg_relation_size(index);
    covered bigint;
    width numeric;
    bias numeric;
    pages bigint;
    sums boolean;
    sampled boolean;
BEGIN
    LOOP
        EXIT WHEN (SELECT blocked_bytes = 0 FROM warden.bloat_measure(index, 'exact'));
        PERFORM pg_current_xact_id();
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
    CREATE TEMPORARY TABLE samples ON COMMIT DROP AS
        SELECT m.* FROM generate_series(1, 200) seed, warden.bloat_measure(index, 'sample', most_pages, seed) m;
    EXECUTE format('REINDEX INDEX %s', index);
    truth := pg_relation_size(index);
    SELECT count(*) FILTER (WHERE before - truth BETWEEN wasted_low AND wasted_high), avg(wasted_high - wasted_low) / before,
           (avg(rewrite_bytes) - truth) / before, max(pages_read),
           bool_and(live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes = bytes),
           bool_and(method = 'sample')
    INTO covered, width, bias, pages, sums, sampled FROM samples;
    RAISE INFO '%: sampled %, sums %, pages %, covered %, narrow %, without bias %', name, sampled, sums, pages <= most_pages,
        CASE WHEN covered >= 186 THEN 'yes' ELSE 'only ' || covered END,
        CASE WHEN width < 0.2 THEN 'yes' ELSE round(width, 3)::text END,
        CASE WHEN abs(bias) < 0.01 THEN 'yes' ELSE round(bias, 4)::text END;
    COMMIT;
END;
$$;

CREATE TABLE subject (id bigint, random integer, kind integer, note text) WITH (autovacuum_enabled = off);
CREATE INDEX subject_id ON subject (id);
CREATE INDEX subject_random ON subject (random);
CREATE INDEX subject_kind ON subject (kind);
CREATE INDEX subject_note ON subject (note, id);
INSERT INTO subject
SELECT n, hashint4(n), n / 40 % 5000, repeat('x', n / 1000 % 60) || n FROM generate_series(1, 200000) n ORDER BY hashint4(n + 1);
VACUUM subject;
CALL check_coverage('inserted at random', 'subject_random', 300);
CALL check_coverage('lists', 'subject_kind', 150);
CALL check_coverage('text of many lengths', 'subject_note', 300);

-- One row of ten, and half of the keys, but all in a row.
DELETE FROM subject WHERE id % 10 = 0 OR id BETWEEN 60000 AND 120000;
CALL check_coverage('rows that are dead, in part of the keys', 'subject_id', 400);
CALL check_coverage('rows that are dead, at random', 'subject_random', 400);
CALL check_coverage('rows that are dead, text', 'subject_note', 400);
VACUUM subject;
INSERT INTO subject SELECT n, hashint4(n), n / 40 % 5000, n FROM generate_series(200000, 300000) n;
DELETE FROM subject WHERE id BETWEEN 120001 AND 160000;
VACUUM subject;
CALL check_coverage('deleted pages', 'subject_id', 300);

-- The same seed
SELECT count(DISTINCT m) AS same
FROM generate_series(1, 3), warden.bloat_measure('subject_note', 'sample', 100, 7) m;
SELECT count(DISTINCT m) > 15 AS others
FROM generate_series(1, 20) seed, warden.bloat_measure('subject_note', 'sample', 100, seed) m;

-- Bounds
SELECT pages_read <= 10 AS few_pages, method, status FROM warden.bloat_measure('subject_note', 'sample', 10, 1);
SELECT status, rewrite_bytes FROM warden.bloat_measure('subject_note', 'sample', 1, 1);
SELECT method, wasted_low = wasted_high AS is_exact FROM warden.bloat_measure('subject_kind', 'sample');
CREATE TABLE empty (id int PRIMARY KEY);
SELECT bytes, rewrite_bytes, method FROM warden.bloat_measure('empty_pkey', 'sample');
SELECT pages_read <= 2500 AS few_pages FROM warden.bloat_measure('subject_note', 'sample');

DROP SCHEMA bloat_btree_sample CASCADE;
