-- Workload -----------------------------------------------------------------------------------------------------------

-- What the sampler has seen, taken in by CALL warden.maintain(). Nobody but the extension's owner reads it: the view
-- decides who may see what. It says what was so at a moment, and has constants of the users', so it is not dumped.
CREATE TABLE warden.advice_samples (
    query_id bigint NOT NULL,
    role oid NOT NULL,         -- whose plan it is
    number integer NOT NULL,   -- there are a few of a statement
    text text,                 -- as it was run; null: it is counted only
    search_path text,
    parameter_types oid[] NOT NULL,
    parameter_values text[],   -- null: they are not known
    sampled_at timestamptz NOT NULL,
    duration_ms double precision,
    planning_ms double precision,
    calls double precision NOT NULL,    -- this one's part of all of the statement, an estimate by the rate
    total_ms double precision NOT NULL, -- of these
    rows double precision NOT NULL,     -- of these
    since timestamptz NOT NULL,
    PRIMARY KEY (query_id, role, number)
);

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.advice_samples
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.advice_samples ENABLE REPLICA TRIGGER ignore_replicated;

-- It decides by itself what the caller may see.
CREATE FUNCTION warden.advice_statements()
    RETURNS TABLE (query_id bigint, role regrole, database name, query text, calls double precision, total_ms double precision,
                   calls_per_day double precision, ms_per_day double precision, rows double precision, planning_ms double precision,
                   parameters text[], search_path text, source text, since timestamptz, skipped_reason text)
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME';

CREATE VIEW warden.advice_workload WITH (security_invoker = true) AS
    SELECT query_id, role, database, query, calls, total_ms, calls_per_day, ms_per_day, rows, planning_ms, parameters, search_path,
           source, since, skipped_reason
    FROM warden.advice_statements();
GRANT SELECT ON warden.advice_workload TO PUBLIC;

COMMENT ON TABLE warden.advice_samples IS
    'What was sampled of the statements of this database: CALL warden.maintain() takes it from shared memory, at most 3000 rows, each forgotten when its statement was not sampled for warden.advice_sample_retention (35 days). May hold constants of any user''s statements, hence it is for nobody to read: read the view advice_workload.';
COMMENT ON FUNCTION warden.advice_statements() IS
$$The rows of the view warden.advice_workload, which see. For everybody: the rows are those of roles whose rights the caller has, or of all for members of pg_read_all_stats. Plans each statement as its role, in a restricted operation that is undone, to know whether that can be done: takes ACCESS SHARE locks on its tables for that moment only. Errors: none of its own.$$;
COMMENT ON VIEW warden.advice_workload IS
$$The statements of this database that advice is based on, the costly ones first. They are those of pg_stat_statements, if that is installed in this database (in whatever schema) and preloaded; and those that the sampler of pg_warden has seen, if that is preloaded (shared_preload_libraries): a part of all runs by warden.advice_sample_rate (0.01), and those that took as long as warden.advice_sample_min_duration (1 s), if their cost was estimated at 100 at least. Without either there are no rows: advice needs a list of queries then.
query_id: that of the server, if it computes one; otherwise our own. role: whose plan it is: the user of the session, or the owner of the function whose rights it ran with. query: the text, with its constants where it was sampled, otherwise with $1 and so on for them; it is what is planned, so that what pg_stat_statements has made of it is repaired. A statement of which several runs were sampled has a row for each, up to three, with an equal part of the figures. calls, total_ms, rows: counted by pg_stat_statements, or estimated from the sample; since: since when. total_ms of a query that an index was advised for, and built, is calls times what one takes since then (advice_outcomes), so that what was slow before does not count. calls_per_day, ms_per_day: the same for a day, of at least an hour. planning_ms: of the sampled run. parameters: the values of $1 and so on, null where they are not known; null: none is known, or there are none. search_path: of the sampled run; null: the reader's. source: pg_stat_statements or sample: where the figures are from.
skipped_reason: why the statement cannot be planned, and so has no part in advice: it is no query (its constants, of which one may be a password, are not shown); its text is not known or is that of another role; its table was dropped; its role is one that the reader may not become. null: it can be planned.
A row is for those who have the rights of its role, and for members of pg_read_all_stats.$$;
