# A table that has everything a table can have, with whatever depends on it, in odd names; for tests of what must be
# there after a change as it was before.
package RichTable;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(rich_table);

# Statements that make schema and table (both quoted as they need), filled with that many rows.  "key" is what its
# primary key has.  What depends on it is in schema "deps".
sub rich_table
{
	my ($schema, $table, $rows, $key) = @_;
	my $t = "$schema.$table";
	my $wide = $key =~ /at/;
	my ($tq, $custom) = map { s/'/''/gr } $t, "$schema.custom";
	# Partitioned tables have unique indexes with the partition key only.
	my $reference = $wide ? "(id, at) REFERENCES $t (id, at)" : '';
	return qq{
		SET timezone = 'UTC';
		CREATE SCHEMA $schema AUTHORIZATION "the owner";
		CREATE SCHEMA IF NOT EXISTS deps AUTHORIZATION "the owner";
		GRANT USAGE ON SCHEMA $schema, deps TO PUBLIC;
		SET ROLE "the owner";
		CREATE DOMAIN $schema.positive AS numeric(12, 2) DEFAULT 1 CHECK (VALUE > 0);
		CREATE TYPE $schema.mood AS ENUM ('sad', 'it''s ok', 'happy');
		CREATE TYPE $schema.pair AS (a int, b text);
		CREATE SEQUENCE $schema.custom INCREMENT -1 MINVALUE -1000000 MAXVALUE -1 CACHE 5;
		CREATE TABLE $schema.kinds (kind int PRIMARY KEY, label text);
		INSERT INTO $schema.kinds SELECT g, 'kind ' || g FROM generate_series(0, 9) g;
		CREATE TABLE $t (
			id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5 CACHE 10),
			gone text DEFAULT 'nobody',
			at timestamptz NOT NULL DEFAULT '2020-01-01',
			no serial,
			own bigint DEFAULT nextval('$custom'),
			kind int DEFAULT 3,
			n int NOT NULL DEFAULT 0,
			twice int GENERATED ALWAYS AS (n * 2) STORED,
			also_gone int,
			price $schema.positive,
			mood $schema.mood DEFAULT 'it''s ok',
			pair $schema.pair,
			tags text[] DEFAULT '{a,"b c"}',
			doc jsonb,
			span tstzrange,
			name varchar(40) COLLATE "C",
			"Odd ""col"" ü" text,
			large text,
			CONSTRAINT "Rich's ""check""" CHECK (n >= 0 AND n < 1000000),
			CONSTRAINT rich_key PRIMARY KEY ($key) WITH (fillfactor = 77)
		) WITH (fillfactor = 80, autovacuum_enabled = off, toast.autovacuum_enabled = off, autovacuum_vacuum_threshold = 123,
			toast_tuple_target = 256);
		ALTER TABLE $t DROP gone;
		INSERT INTO $t (at, kind, n, pair, doc, span, name, "Odd ""col"" ü", large)
			SELECT timestamptz '2020-01-01 UTC' + (g % 40) * interval '60 days', g % 10, g, ROW(g, 'b' || g)::$schema.pair, jsonb_build_object('g', g),
				tstzrange('2020-01-01', '2020-01-02'), 'name ' || g, CASE WHEN g % 3 > 0 THEN 'ü' || g END,
				CASE WHEN g % 50 = 0 THEN (SELECT string_agg(md5((g + i)::text), '') FROM generate_series(1, 300) i) END
			FROM generate_series(1, $rows) g;
		ALTER TABLE $t DROP also_gone;
		ALTER TABLE $t ADD added text DEFAULT 'an old row', ADD "added, later" int DEFAULT 7;
		INSERT INTO $t (at, n) SELECT '2020-01-05', g FROM generate_series(1, 20) g;
		DELETE FROM $t WHERE n % 17 = 3;
		UPDATE $t SET added = 'changed' WHERE n % 13 = 1;
		ALTER TABLE $t ALTER "Odd ""col"" ü" SET STORAGE EXTERNAL, ALTER large SET COMPRESSION pglz, ALTER name SET STORAGE MAIN,
			ALTER kind SET STATISTICS 333, ALTER n SET (n_distinct = -0.5);
		ALTER SEQUENCE $schema.custom OWNED BY $t.own;
		CREATE INDEX "Rich's ""index""" ON $t (lower(name) text_pattern_ops DESC NULLS LAST) INCLUDE (n) WITH (fillfactor = 66);
		CREATE INDEX rich_partial ON $t (n) WHERE kind > 3 AND name IS NOT NULL;
		CREATE INDEX rich_sum ON $t ((n + kind), abs(n)) ;
		ALTER INDEX $schema.rich_sum ALTER COLUMN 1 SET STATISTICS 444;
		CREATE INDEX rich_tags ON $t USING gin (tags) WITH (fastupdate = off);
		CREATE INDEX rich_doc ON $t USING gin (doc jsonb_path_ops);
		CREATE INDEX rich_span ON $t USING gist (span);
		CREATE INDEX rich_brin ON $t USING brin (at) WITH (pages_per_range = 16);
		CREATE INDEX rich_hash ON $t USING hash (name);
		@{[ $wide ? qq{CREATE UNIQUE INDEX rich_unique ON $t (at, no, name) NULLS NOT DISTINCT;
			ALTER TABLE $t ADD CONSTRAINT rich_unique_too UNIQUE (no, at) INCLUDE (n);} : '' ]}
		ALTER TABLE $t CLUSTER ON "Rich's ""index""";
		ALTER TABLE $t REPLICA IDENTITY USING INDEX rich_key;
		ALTER TABLE $t ADD CONSTRAINT rich_kind FOREIGN KEY (kind) REFERENCES $schema.kinds ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
		CREATE STATISTICS $schema."Rich's statistics" (ndistinct, dependencies, mcv) ON kind, n, (n % 7) FROM $t;
		ALTER STATISTICS $schema."Rich's statistics" SET STATISTICS 222;
		COMMENT ON TABLE $t IS 'It''s a "table"';
		COMMENT ON COLUMN $t.n IS 'a number'; COMMENT ON COLUMN $t."Odd ""col"" ü" IS 'odd';
		COMMENT ON CONSTRAINT "Rich's ""check""" ON $t IS 'a check'; COMMENT ON CONSTRAINT rich_kind ON $t IS 'a reference';
		COMMENT ON CONSTRAINT rich_key ON $t IS 'a key'; COMMENT ON INDEX $schema.rich_key IS 'its index';
		COMMENT ON INDEX $schema."Rich's ""index""" IS 'an index'; COMMENT ON STATISTICS $schema."Rich's statistics" IS 'statistics';
		CREATE FUNCTION $schema.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END';
		CREATE TRIGGER rich_before BEFORE INSERT OR UPDATE OF n, kind ON $t FOR EACH ROW WHEN (NEW.n > 5) EXECUTE FUNCTION $schema.note('it''s');
		CREATE TRIGGER "Rich's after" AFTER DELETE ON $t FOR EACH ROW EXECUTE FUNCTION $schema.note();
		CREATE TRIGGER rich_off AFTER UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION $schema.note();
		CREATE TRIGGER rich_always AFTER UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION $schema.note();
		CREATE TRIGGER rich_replica AFTER UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION $schema.note();
		CREATE TRIGGER rich_statement AFTER INSERT ON $t REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION $schema.note();
		CREATE TRIGGER rich_truncate BEFORE TRUNCATE ON $t FOR EACH STATEMENT EXECUTE FUNCTION $schema.note();
		CREATE CONSTRAINT TRIGGER rich_constraint AFTER INSERT ON $t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION $schema.note();
		ALTER TABLE $t DISABLE TRIGGER rich_off; ALTER TABLE $t ENABLE ALWAYS TRIGGER rich_always; ALTER TABLE $t ENABLE REPLICA TRIGGER rich_replica;
		COMMENT ON TRIGGER rich_before ON $t IS 'a trigger';
		GRANT SELECT, INSERT ON $t TO "a reader" WITH GRANT OPTION;
		GRANT UPDATE (n, "Odd ""col"" ü"), REFERENCES (id) ON $t TO "a reader";
		GRANT SELECT (id) ON $t TO PUBLIC;
		REVOKE TRIGGER ON $t FROM "the owner";
		GRANT USAGE ON SEQUENCE $schema.custom TO "a reader";
		ALTER TABLE $t ENABLE ROW LEVEL SECURITY;
		CREATE POLICY "it's read" ON $t FOR SELECT TO "a reader" USING (kind < 5 OR name = current_user);
		CREATE POLICY written ON $t AS RESTRICTIVE FOR INSERT WITH CHECK (n > 0);
		COMMENT ON POLICY written ON $t IS 'a policy';
		CREATE RULE logged AS ON UPDATE TO $t WHERE OLD.n = -1 DO ALSO INSERT INTO $schema.kinds VALUES (OLD.kind + 100, 'ruled');
		COMMENT ON RULE logged ON $t IS 'a rule';
		CREATE VIEW deps.seen WITH (security_barrier) AS SELECT id, at, n AS number, t AS whole FROM $t t WHERE n > 10;
		CREATE VIEW deps.all_of_it AS SELECT * FROM $t;
		CREATE VIEW deps.locked AS SELECT * FROM $t WHERE n > 0 WITH LOCAL CHECK OPTION;
		CREATE MATERIALIZED VIEW deps.summed AS SELECT kind, sum(n) AS n FROM $t GROUP BY kind;
		CREATE UNIQUE INDEX ON deps.summed (kind);
		CREATE FUNCTION deps.sum_of(k int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT sum(n) FROM $t WHERE kind = k; END;
		CREATE FUNCTION deps.name_of(r $t) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT r.name';
		CREATE FUNCTION deps.rows_of() RETURNS SETOF $t LANGUAGE sql STABLE AS 'SELECT * FROM $tq';
		CREATE TABLE deps.by_default (what regclass DEFAULT '$tq'::regclass, next bigint DEFAULT nextval('$custom'));
		@{[ $wide ? qq{CREATE TABLE deps.items (item int PRIMARY KEY, id bigint, at timestamptz, CONSTRAINT items_rich FOREIGN KEY $reference
				ON DELETE CASCADE ON UPDATE SET NULL);
			INSERT INTO deps.items SELECT row_number() OVER (), id, at FROM $t ORDER BY id LIMIT 100;
			COMMENT ON CONSTRAINT items_rich ON deps.items IS 'refers to it';
			CREATE TABLE deps.parted (part int, id bigint, at timestamptz, FOREIGN KEY $reference) PARTITION BY LIST (part);
			CREATE TABLE deps.parted_1 PARTITION OF deps.parted FOR VALUES IN (1);
			INSERT INTO deps.parted SELECT 1, id, at FROM $t ORDER BY id LIMIT 10;} : '' ]}
		RESET ROLE;
		CREATE PUBLICATION "rich's" FOR TABLE $t (id, at, n) WITH (publish_via_partition_root);
		CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA $schema;
		ANALYZE $t;
	};
}

1;
