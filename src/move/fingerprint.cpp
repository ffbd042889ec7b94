#include "move/fingerprint.hpp"

#include "partition/value.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::move {

using namespace pg;

namespace {

// $1 the target, $2 whether only its default partition matters of its partitions: others come and go while that one is
// drained; $3 whether no partition is made.  Each line says one thing that a copy, or the swap, depends on.  What the
// job adds, or maintenance for its own time, has names of its own; triggers of the system are the server's matter.  A
// clone of a foreign key can be there whose definition the server cannot write: ON DELETE SET NULL (...) has the
// columns' numbers of the parent there.  What partitions are made with, they get when their tables are made: one that
// lacks what was revoked, or the row-level security that was enabled since, would show its rows to whoever reads it by
// its own name.
constinit Statement select_digest{R"(
WITH RECURSIVE tables (oid) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid FROM tables JOIN pg_inherits i ON i.inhparent = tables.oid
    WHERE NOT ($2 AND tables.oid = $1
               AND i.inhrelid <> (SELECT p.partdefid FROM pg_partitioned_table p WHERE p.partrelid = $1))
)
SELECT coalesce(md5(string_agg(line, E'\n' ORDER BY line COLLATE "C")), '')
FROM (
    SELECT format('table %s %s %s %s %s %s %s %s %s %s', t.oid, c.relname, n.oid, n.nspname, c.relowner, c.relkind,
                  c.relpersistence, c.relam, c.relhasrules, pg_get_expr(c.relpartbound, c.oid)) AS line
    FROM tables t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT format('column %s %s %s %s %s %s %s %s %s %s %s', t.oid, a.attnum, a.attname, a.atttypid, a.atttypmod,
                  a.attcollation, a.attnotnull, a.attidentity, a.attgenerated, a.attisdropped,
                  pg_get_expr(d.adbin, d.adrelid))
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT format('partitions %s %s %s %s %s %s %s', c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
                  c.reltablespace, c.reloptions, s.reloptions)
    FROM pg_class c LEFT JOIN pg_class s ON s.oid = c.reltoastrelid WHERE c.oid = $1 AND NOT $3
    UNION ALL
    SELECT format('columns of partitions %s %s %s %s %s %s', attnum, attacl, attstorage, attcompression, attstattarget,
                  ARRAY(SELECT o FROM unnest(attoptions) o WHERE o ^@ 'n_distinct'))
    FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT $3
    UNION ALL
    SELECT format('publication %s %s %s %s', p.oid, p.pubviaroot, r.prattrs, pg_get_expr(r.prqual, r.prrelid))
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1 AND NOT $3
    UNION ALL
    SELECT format('constraint %s %s %s %s %s', o.conrelid, o.confrelid, o.conname, o.convalidated,
                  CASE WHEN o.contype = 'f' AND o.conparentid <> 0
                       THEN concat_ws(' ', o.conkey, o.confkey, o.confupdtype, o.confdeltype, o.confmatchtype, o.condeferrable)
                       ELSE pg_get_constraintdef(o.oid) END)
    FROM tables t JOIN pg_constraint o ON t.oid IN (o.conrelid, o.confrelid)
    WHERE o.conname !~ '^(pg_)?warden_'
    UNION ALL
    SELECT format('index %s %s %s %s', x.indexrelid, x.indisvalid, x.indisreplident, pg_get_indexdef(x.indexrelid))
    FROM tables t JOIN pg_index x ON x.indrelid = t.oid
    UNION ALL
    SELECT format('trigger %s %s %s', g.tgrelid, g.tgenabled, pg_get_triggerdef(g.oid))
    FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT format('rule %s %s', r.ev_class, pg_get_ruledef(r.oid))
    FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
    UNION ALL
    SELECT format('key %s', pg_get_partkeydef(p.partrelid)) FROM tables t JOIN pg_partitioned_table p ON p.partrelid = t.oid
    UNION ALL
    SELECT format('parent %s %s %s', i.inhrelid, i.inhparent, i.inhdetachpending)
    FROM tables t JOIN pg_inherits i ON i.inhrelid = t.oid
) lines)"};

} // namespace

std::string fingerprint_of(const Job &job) {
	const AsExtension owner;
	partition::pin_notation();
	PinnedSettings::set("timezone", "UTC"); // who resumes a job may read moments in another zone
	Spi spi;
	return std::string(
		std::get<0>(spi.query_latest<std::string_view>(select_digest, job.wish.target, job.wish.kind == Kind::Drain,
	                                                   job.wish.kind == Kind::Revert)
	                    .front()));
}

} // namespace warden::move
