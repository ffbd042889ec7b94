-- A plain greedy over hypopg, as advisors outside of the server do it: each round creates every index of one column, and
-- every index that adds a column to one that was chosen, explains all queries that mention its columns, and keeps the
-- one that saves most for its bytes; until the budget or the gain is at its end.
CREATE FUNCTION pg_temp.cost_of(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN (plan->0->'Plan'->>'Total Cost')::double precision;
END $$;

CREATE FUNCTION pg_temp.greedy(queries text[], budget bigint) RETURNS TABLE (command text, bytes bigint) LANGUAGE plpgsql AS $$
DECLARE
    costs double precision[] := ARRAY(SELECT pg_temp.cost_of(q) FROM unnest(queries) WITH ORDINALITY AS u (q, n) ORDER BY n);
    candidate record; now_costs double precision[]; best_costs double precision[]; gain double precision; best_gain double precision;
    best record; used bigint := 0; oid oid; size bigint;
BEGIN
    CREATE TEMP TABLE chosen (tab text, columns text[], bytes bigint);
    LOOP
        best_gain := 0;
        FOR candidate IN
            SELECT c.relname::text AS tab, ch.columns || a.attname::text AS columns, ch.columns AS replaces
            FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0
            LEFT JOIN LATERAL (SELECT NULL::text[] AS columns UNION ALL SELECT x.columns FROM chosen x WHERE x.tab = c.relname AND cardinality(x.columns) < 4) ch ON true
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND a.attname <> ALL (coalesce(ch.columns, '{}'))
                AND EXISTS (SELECT FROM unnest(queries) q WHERE q ~ ('\m' || a.attname || '\M'))
                AND NOT EXISTS (SELECT FROM chosen x WHERE x.tab = c.relname AND x.columns = ch.columns || a.attname::text)
        LOOP
            SELECT h.indexrelid INTO oid FROM hypopg_create_index(format('CREATE INDEX ON %I (%s)', candidate.tab, array_to_string(candidate.columns, ', '))) h;
            size := hypopg_relation_size(oid);
            IF used + size <= budget THEN
                now_costs := costs;
                FOR i IN 1 .. cardinality(queries) LOOP
                    IF queries[i] ~ ('\m' || candidate.columns[cardinality(candidate.columns)] || '\M') THEN
                        now_costs[i] := pg_temp.cost_of(queries[i]);
                    END IF;
                END LOOP;
                gain := (SELECT sum(x) FROM unnest(costs) x) - (SELECT sum(x) FROM unnest(now_costs) x);
                IF gain / size > best_gain AND gain > 0.003 * (SELECT sum(x) FROM unnest(costs) x) THEN
                    best_gain := gain / size;
                    best := candidate;
                    best_costs := now_costs;
                END IF;
            END IF;
            PERFORM hypopg_drop_index(oid);
        END LOOP;
        EXIT WHEN best_gain = 0;
        SELECT h.indexrelid INTO oid FROM hypopg_create_index(format('CREATE INDEX ON %I (%s)', best.tab, array_to_string(best.columns, ', '))) h;
        used := used + hypopg_relation_size(oid);
        INSERT INTO chosen VALUES (best.tab, best.columns, hypopg_relation_size(oid));
        costs := best_costs;
    END LOOP;
    PERFORM hypopg_reset();
    RETURN QUERY SELECT format('CREATE INDEX ON %I (%s)', c.tab, array_to_string(c.columns, ', ')), c.bytes FROM chosen c;
    DROP TABLE chosen;
END $$;
