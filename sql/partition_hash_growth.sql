-- A set by hash grows by the statements that it is answered with: they keep every row as it is.
SET client_min_messages = warning;
CREATE ROLE regress_warden_keeper;
CREATE SCHEMA growing AUTHORIZATION regress_warden_keeper;
SET search_path = growing;
SET ROLE regress_warden_keeper;
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY, "Tenant" text, at timestamptz DEFAULT clock_timestamp(),
    double int GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (id, "Tenant")) PARTITION BY HASH (id, "Tenant");
RESET ROLE;
SELECT partition FROM warden.partition_by_hash('users', 2);
INSERT INTO users ("Tenant") SELECT CASE WHEN n % 7 > 0 THEN 'T' || n % 5 END FROM generate_series(1, 500) n;
CREATE TABLE before AS SELECT * FROM users;
-- triggers would change what is moved, or lose it
SET ROLE regress_warden_keeper;
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.id % 2 = 0 THEN RETURN NULL; END IF;
    new.at = '2000-01-01';
    RETURN new;
END $$;
CREATE TRIGGER meddle BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE RULE nothing AS ON INSERT TO users DO INSTEAD NOTHING;
RESET ROLE;
SELECT partition, action, status, command, detail FROM warden.partition_by_hash('users', 4) LIMIT 1 \gx
SELECT command FROM warden.partition_by_hash('users', 4) \gexec
SELECT tableoid::regclass::text, count(*) > 0 AS has_rows FROM users GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM users;
SELECT count(*) AS changed FROM (TABLE users EXCEPT TABLE before) changed;
SELECT count(*) FROM pg_trigger WHERE tgname = 'meddle' AND tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'users'::regclass);
SELECT * FROM warden.partition_by_hash('users', 4);

-- policies that hide rows from the owner: nothing is lost, as nothing is moved
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT relid FROM pg_partition_tree('growing.users') LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY odd ON %s USING (id %% 2 = 1)', t);
    END LOOP;
END $$;
SELECT command FROM warden.partition_by_hash('users', 8) WHERE partition = 'growing.users_h4_0' \gexec
ROLLBACK;
SELECT count(*) FROM users;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'users'::regclass;

-- nor of a list
CREATE TABLE hidden (v text, n int) PARTITION BY LIST (v);
CREATE TABLE hidden_rest PARTITION OF hidden DEFAULT;
ALTER TABLE hidden OWNER TO regress_warden_keeper;
ALTER TABLE hidden_rest OWNER TO regress_warden_keeper;
INSERT INTO hidden SELECT 'x', n FROM generate_series(1, 10) n;
ALTER TABLE hidden_rest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY odd ON hidden_rest USING (n % 2 = 1);
SELECT partition, status, detail FROM warden.partition_by_list('hidden', keys => '{x}');
SELECT command FROM warden.partition_maintain('hidden') \gexec
ROLLBACK;
SELECT tableoid::regclass, count(*) FROM hidden GROUP BY 1;
DROP SCHEMA growing CASCADE;
DROP ROLE regress_warden_keeper;
