-- Outcomes -----------------------------------------------------------------------------------------------------------

-- What was advised, and what became of it. Object ids, counters and times are of this server, so it is not dumped.
CREATE SEQUENCE warden.advice_given_ids;
CREATE TABLE warden.advice_given (
    id bigint PRIMARY KEY DEFAULT nextval('warden.advice_given_ids'),
    relation warden.relation_reference NOT NULL,
    shape text NOT NULL,                -- the same for indexes that plans cannot tell apart
    command text NOT NULL,
    advised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    predicted_bytes bigint NOT NULL,
    predicted_saved_ms double precision,
    predicted_write_ms double precision,
    index warden.relation_reference,    -- that was built, if it was
    built_at timestamptz,               -- when maintenance has seen it first
    dropped_at timestamptz,
    measured_at timestamptz,
    bytes bigint,
    scans bigint NOT NULL DEFAULT 0,
    saved_ms double precision,
    write_ms double precision,
    verdict text NOT NULL DEFAULT 'not_built'
        CHECK (verdict IN ('not_built', 'waiting', 'used', 'helped', 'no_effect', 'harmful', 'dropped')),
    reason text NOT NULL DEFAULT 'Maintenance has not looked for it yet.',
    -- the table's writes since it was advised, then since it was built; and before that
    seconds double precision NOT NULL DEFAULT 0,
    writes bigint NOT NULL DEFAULT 0,
    updates bigint NOT NULL DEFAULT 0,
    hot_updates bigint NOT NULL DEFAULT 0,
    seconds_before double precision,
    writes_before bigint,
    updates_before bigint,
    hot_updates_before bigint,
    -- the counters as they were last seen
    seen_at timestamptz,
    seen_scans bigint,
    seen_writes bigint,
    seen_updates bigint,
    seen_hot_updates bigint
);
CREATE UNIQUE INDEX advice_given_shape ON warden.advice_given (relation, md5(shape));

-- The times of the queries that an index was advised for, and of statements that write to its table.
CREATE TABLE warden.advice_measures (
    advice bigint NOT NULL,
    query_id bigint NOT NULL,
    is_write boolean NOT NULL,
    cost_before double precision,       -- predicted, of queries only
    cost_after double precision,
    -- since it was advised, then since it was built; and before that
    calls bigint NOT NULL DEFAULT 0,
    ms double precision NOT NULL DEFAULT 0,
    squares double precision NOT NULL DEFAULT 0,
    calls_before bigint NOT NULL DEFAULT 0,
    ms_before double precision NOT NULL DEFAULT 0,
    squares_before double precision NOT NULL DEFAULT 0,
    -- the counters as they were last seen
    seen_at timestamptz,
    seen_calls bigint,
    seen_ms double precision,
    seen_squares double precision,
    PRIMARY KEY (advice, query_id, is_write)
);

-- Who may see a row: pg_monitor, and whoever has the rights of the table's owner.
ALTER TABLE warden.advice_given ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.advice_given FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND pg_has_role(c.relowner, 'USAGE')));
ALTER TABLE warden.advice_measures ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.advice_measures FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM warden.advice_given g JOIN pg_class c ON c.oid = g.relation
               WHERE g.id = advice AND pg_has_role(c.relowner, 'USAGE')));
GRANT SELECT ON warden.advice_given, warden.advice_measures TO PUBLIC;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.advice_given
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.advice_given ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.advice_measures
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.advice_measures ENABLE REPLICA TRIGGER ignore_replicated;

-- Views --------------------------------------------------------------------------------------------------------------

CREATE VIEW warden.advice_outcomes WITH (security_invoker = true) AS
    SELECT x.indexrelid::regclass AS index, g.relation::regclass AS relation, g.verdict,
           CASE WHEN x.is_needed AND g.verdict IN ('no_effect', 'harmful')
                THEN g.reason || ' It stays: more than plans needs it.' ELSE g.reason END AS reason,
           CASE WHEN g.verdict = 'not_built' THEN g.command
                WHEN g.verdict IN ('no_effect', 'harmful') AND NOT x.is_needed
                THEN format('DROP INDEX %s%I.%I', CASE WHEN x.relkind = 'i' THEN 'CONCURRENTLY ' END, x.nspname, x.relname)
           END AS command,
           g.advised_at, g.built_at, g.dropped_at, g.measured_at, g.predicted_bytes, g.bytes,
           CASE WHEN g.built_at IS NOT NULL THEN g.scans END AS scans,
           g.predicted_saved_ms, g.saved_ms, g.predicted_write_ms, g.write_ms,
           (SELECT jsonb_agg(jsonb_build_object(
                       'query_id', query_id, 'calls_before', before.calls, 'calls_after', later.calls,
                       'mean_ms_before', before.mean_ms, 'mean_ms_after', later.mean_ms,
                       'predicted_mean_ms', before.mean_ms * cost_after / nullif(cost_before, 0),
                       'cost_before', cost_before, 'cost_after', cost_after)
                   ORDER BY before.ms DESC, query_id)
            FROM warden.advice_measures m
            CROSS JOIN LATERAL (SELECT CASE WHEN g.built_at IS NULL THEN m.calls ELSE calls_before END AS calls,
                                       CASE WHEN g.built_at IS NULL THEN m.ms ELSE ms_before END AS ms) was
            CROSS JOIN LATERAL (SELECT was.calls, was.ms, was.ms / nullif(was.calls, 0) AS mean_ms) before
            CROSS JOIN LATERAL (SELECT CASE WHEN g.built_at IS NOT NULL THEN m.calls END AS calls,
                                       CASE WHEN g.built_at IS NOT NULL THEN m.ms / nullif(m.calls, 0) END AS mean_ms) later
            WHERE m.advice = g.id AND NOT m.is_write) AS queries,
           jsonb_build_object(
               'rows_per_day_before', before.writes * 86400 / nullif(before.seconds, 0),
               'rows_per_day_after', later.writes * 86400 / nullif(later.seconds, 0),
               'hot_ratio_before', before.hot_updates / nullif(before.updates, 0)::double precision,
               'hot_ratio_after', later.hot_updates / nullif(later.updates, 0)::double precision,
               'mean_ms_before', (SELECT sum(CASE WHEN g.built_at IS NULL THEN m.ms ELSE ms_before END)
                                         / nullif(sum(CASE WHEN g.built_at IS NULL THEN m.calls ELSE calls_before END), 0)
                                  FROM warden.advice_measures m WHERE m.advice = g.id AND m.is_write),
               'mean_ms_after', (SELECT sum(m.ms) / nullif(sum(m.calls), 0)
                                 FROM warden.advice_measures m
                                 WHERE m.advice = g.id AND m.is_write AND g.built_at IS NOT NULL)) AS writes
    FROM warden.advice_given g
    CROSS JOIN LATERAL (
        SELECT CASE WHEN g.built_at IS NULL THEN g.seconds ELSE seconds_before END AS seconds,
               CASE WHEN g.built_at IS NULL THEN g.writes ELSE writes_before END AS writes,
               CASE WHEN g.built_at IS NULL THEN g.updates ELSE updates_before END AS updates,
               CASE WHEN g.built_at IS NULL THEN g.hot_updates ELSE hot_updates_before END AS hot_updates) before
    LEFT JOIN LATERAL (SELECT g.seconds, g.writes, g.updates, g.hot_updates) later ON g.built_at IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT i.indexrelid, c.relkind, c.relname, n.nspname,
               i.indisunique OR i.indisexclusion OR i.indisreplident OR c.relispartition
               OR EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
               OR EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = i.indexrelid AND deptype = 'e')
               AS is_needed
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.indexrelid = g.index AND i.indrelid = g.relation) x ON true
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = g.relation);
GRANT SELECT ON warden.advice_outcomes TO PUBLIC;

COMMENT ON SEQUENCE warden.advice_given_ids IS 'Numbers of advice, in the order in which it was given.';
COMMENT ON TABLE warden.advice_given IS
    'Indexes that advice_missing() has advised, each shape of a table once, and what CALL warden.maintain() has measured of those that were built. Kept for warden.advice_history. Read the view advice_outcomes.';
COMMENT ON TABLE warden.advice_measures IS
    'Times of the queries that an index was advised for, and of statements that write to its table, by their ids in pg_stat_statements: no texts. Read the view advice_outcomes.';
COMMENT ON VIEW warden.advice_outcomes IS
$$One row an index that advice_missing() has advised: what was predicted, and what CALL warden.maintain() has measured, at most once in warden.advice_measure_every.
index: null unless it is there; it is recognised by what it is, whatever its name, and stays so when it is renamed or made anew. built_at, dropped_at: when maintenance has noticed; measured_at: when it has measured last.
verdict: not_built; waiting (until warden.advice_outcome_after has passed since it was built, and its queries were called warden.advice_outcome_calls times); helped; no_effect (it is not scanned, or the mean time of its queries is not lower by more than noise: two standard errors, and 5 %); harmful (it is scanned and its queries are slower, or writing costs more than it saves); used (it is scanned, but nobody knows times of its queries from before and after); dropped. reason: why. command: builds what is not built, drops what did not help; null: nothing to do. DROP INDEX of a partitioned table locks it and its partitions out (ACCESS EXCLUSIVE), as the server has no other.
predicted_bytes, bytes: the size. scans: since it was built; the planner itself also looks at the ends of an index, which counts. predicted_saved_ms, saved_ms: milliseconds a day, of all its queries (saved_ms is negative if they are slower); predicted_write_ms, write_ms: what writing to the table costs more, milliseconds a day; null: not known.
queries: an array of objects: query_id as in pg_stat_statements, calls_ and mean_ms_ before and after it was built, predicted_mean_ms, cost_before and cost_after of the plan. writes: an object: rows_per_day_ written and hot_ratio_ (updates that no index saw, 0..1) of the table before and after, mean_ms_ of the statements that write to it, as far as their texts in pg_stat_statements begin with that.
Without pg_stat_statements there are scans and sizes only, and an index that is not scanned is told after five times warden.advice_outcome_after. What was counted in between is lost when statistics are reset. For pg_monitor, and for owners of the tables.$$;
