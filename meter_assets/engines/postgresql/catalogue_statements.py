"""The statements that read PostgreSQL's catalogue: one for all that `catalogue` needs, and one about another role.

Add a further part here, as rows with their kind, the billing table and the details as JSON; `catalogue` turns the rows
into facts and problems. They use only functions and operators that another role's objects cannot replace.
"""

from sqlalchemy import text

# `seen` are the relations whose row security applies: the tables that are named, and what is below a view, with the
# rights of the view's owner. Row security of a partition or of an inheriting table does not apply to a query that
# names the table above it. `family` has these too: their triggers fire.
EVERYTHING = text(
    """
WITH RECURSIVE named AS (
    SELECT CAST(logical AS name) AS logical, CAST(space AS name) AS space, CAST(called AS name) AS called
    FROM unnest(CAST(:billing AS text[]), CAST(:schemas AS text[]), CAST(:names AS text[])) AS l(logical, space, called)
), billing AS (
    SELECT c.oid, l.logical AS relname, c.relname AS called, l.space, c.relkind, n.nspname
    FROM named l JOIN pg_catalog.pg_class c ON c.relname = l.called
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY('{r,p,v,m,f}'::"char"[])
        AND CASE WHEN l.space IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = l.space END
), below AS (
    SELECT inhparent AS above, inhrelid AS oid, false AS of_view FROM pg_catalog.pg_inherits
    UNION SELECT r.ev_class, d.refobjid, true
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
        AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    WHERE r.rulename = '_RETURN'
), family AS (
    SELECT b.relname AS billing, b.oid, r.oid AS reader, true AS seen
    FROM billing b, pg_catalog.pg_roles r WHERE r.rolname = current_user
    UNION
    SELECT f.billing, w.oid, CASE
        WHEN NOT w.of_view OR COALESCE(above.reloptions, '{}') && '{security_invoker=true,security_invoker=on}'
        THEN f.reader ELSE above.relowner END, f.seen AND w.of_view
    FROM family f JOIN below w ON w.above = f.oid JOIN pg_catalog.pg_class above ON above.oid = f.oid
), related AS (
    SELECT f.billing, f.seen, f.reader, c.*, n.nspname, c.oid::pg_catalog.regclass::text AS called
    FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), columns AS (
    SELECT b.relname, b.oid, a.attname, a.attnum, a.atttypid,
        CAST(b.relname AS text) || '.' || CAST(a.attname AS text) = ANY(CAST(:written AS text[])) AS written
    FROM billing b JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid WHERE a.attnum > 0 AND NOT a.attisdropped
), domains AS (
    SELECT k.relname, k.attname, t.oid, t.typbasetype, t.typnotnull, t.typname
    FROM columns k JOIN pg_catalog.pg_type t ON t.oid = k.atttypid WHERE k.written AND t.typtype = 'd'
    UNION ALL
    SELECT d.relname, d.attname, t.oid, t.typbasetype, t.typnotnull, t.typname
    FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype WHERE t.typtype = 'd'
)
SELECT 'table' AS what, CAST(relname AS text) AS at, pg_catalog.jsonb_build_object(
    'schema', nspname, 'kind', relkind, 'bytes', pg_catalog.pg_table_size(oid), 'inherited', relkind = 'r' AND EXISTS (
        SELECT FROM pg_catalog.pg_inherits WHERE inhparent = billing.oid)) AS detail FROM billing
UNION ALL SELECT 'namesake', b.relname, pg_catalog.jsonb_build_object('schema', n.nspname)
    FROM billing b JOIN pg_catalog.pg_class c ON c.relname = b.called AND c.oid <> b.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE b.space IS NULL AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
        AND n.nspname = ANY(pg_catalog.current_schemas(false))
UNION ALL SELECT 'secured', billing, pg_catalog.jsonb_build_object(
        'called', r.called, 'forced', r.relforcerowsecurity, 'role', o.rolname,
        'owner', pg_catalog.pg_has_role(o.oid, r.relowner, 'USAGE'))
    FROM related r JOIN pg_catalog.pg_roles o ON o.oid = r.reader
    WHERE r.seen AND r.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls
        AND (r.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, r.relowner, 'USAGE'))
UNION ALL SELECT 'unreadable', relname, pg_catalog.jsonb_build_object('column', attname, 'role', current_user)
    FROM columns WHERE NOT pg_catalog.has_column_privilege(oid, attnum, 'SELECT')
UNION ALL SELECT 'view', billing, pg_catalog.jsonb_build_object('called', called, 'definition',
        pg_catalog.pg_get_viewdef(oid), 'updatable', pg_catalog.pg_relation_is_updatable(oid, false) & 4 = 4,
        'rules', (SELECT count(*) FROM pg_catalog.pg_rewrite w WHERE w.ev_class = r.oid AND w.rulename <> '_RETURN'))
    FROM related r WHERE seen AND relkind = 'v'
UNION ALL SELECT 'stored elsewhere', billing, pg_catalog.jsonb_build_object('called', called, 'kind', relkind)
    FROM related WHERE relkind = ANY('{m,f}'::"char"[])
UNION ALL SELECT 'not updatable', k.relname, pg_catalog.jsonb_build_object('column', k.attname)
    FROM columns k JOIN billing b ON b.oid = k.oid AND b.relname = k.relname
    WHERE k.written AND b.relkind = 'v' AND NOT pg_catalog.pg_column_is_updatable(k.oid, k.attnum, false)
UNION ALL SELECT 'own', c.relname, pg_catalog.jsonb_build_object('schema', n.nspname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY(CAST(:own AS name[])) AND c.relkind = 'r' AND c.relpersistence <> 't'
        AND EXISTS (SELECT FROM billing t WHERE t.relname = 'tenants' AND t.space IS NULL)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t JOIN named l ON t.relname = l.called
            WHERE l.logical = 'tenants' AND t.relnamespace = n.oid)
UNION ALL SELECT 'trigger', f.billing, pg_catalog.jsonb_build_object('name', t.tgname, 'called', f.called,
        'definition', pg_catalog.pg_get_triggerdef(t.oid), 'text', (SELECT p.prosrc FROM pg_catalog.pg_proc p
            WHERE p.oid = t.tgfoid), 'columns', ARRAY(SELECT a.attname
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.tgrelid AND a.attnum = ANY(t.tgattr::int2[])))
    FROM related f JOIN pg_catalog.pg_trigger t ON t.tgrelid = f.oid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled = ANY('{O,A}'::"char"[]) AND t.tgtype & 16 = 16
UNION ALL SELECT 'rule', f.billing, pg_catalog.jsonb_build_object('name', w.rulename, 'called', f.called,
        'instead', w.is_instead, 'text', pg_catalog.pg_get_ruledef(w.oid))
    FROM related f JOIN pg_catalog.pg_rewrite w ON w.ev_class = f.oid
    WHERE w.ev_type = '2' AND w.ev_enabled = ANY('{O,A}'::"char"[]) AND w.rulename <> '_RETURN'
UNION ALL SELECT 'check', b.relname, pg_catalog.jsonb_build_object('name', c.conname,
        'definition', pg_catalog.pg_get_constraintdef(c.oid),
        'condition', pg_catalog.pg_get_expr(c.conbin, c.conrelid),
        'columns', (SELECT pg_catalog.jsonb_agg(k.attname) FROM columns k WHERE k.oid = b.oid
            AND k.relname = b.relname AND k.attnum = ANY(c.conkey)))
    FROM billing b JOIN pg_catalog.pg_constraint c ON c.conrelid = b.oid
    WHERE c.contype = 'c' AND EXISTS (SELECT FROM columns k WHERE k.oid = b.oid AND k.relname = b.relname
        AND k.written AND k.attnum = ANY(c.conkey))
UNION ALL SELECT 'domain', d.relname, pg_catalog.jsonb_build_object('column', d.attname, 'domain', d.typname,
        'name', c.conname, 'not null', d.typnotnull, 'definition', pg_catalog.pg_get_constraintdef(c.oid))
    FROM domains d LEFT JOIN pg_catalog.pg_constraint c ON c.contypid = d.oid AND c.contype = 'c'
UNION ALL SELECT 'foreign key', b.relname, pg_catalog.jsonb_build_object('name', c.conname,
        'definition', pg_catalog.pg_get_constraintdef(c.oid),
        'referred', pg_catalog.format('%I.%I', n.nspname, r.relname),
        'columns', ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS u(num, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = u.num ORDER BY u.place),
        'referred columns', ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS u(num, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = u.num ORDER BY u.place),
        'readable', (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(c.confrelid, u, 'SELECT'))
            FROM pg_catalog.unnest(c.confkey) u) AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
    FROM billing b JOIN pg_catalog.pg_constraint c ON c.conrelid = b.oid
    JOIN pg_catalog.pg_class r ON r.oid = c.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND EXISTS (SELECT FROM columns k WHERE k.oid = b.oid AND k.relname = b.relname
        AND k.written AND k.attnum = ANY(c.conkey))
UNION ALL SELECT 'key', b.relname, pg_catalog.jsonb_build_object('name', x.relname,
        'definition', COALESCE(pg_catalog.pg_get_constraintdef(c.oid), pg_catalog.pg_get_indexdef(x.oid)),
        'index', pg_catalog.pg_get_indexdef(x.oid), 'only', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
        'constraint', c.conname, 'elements', ARRAY(SELECT pg_catalog.pg_get_indexdef(x.oid, g, false)
            FROM pg_catalog.generate_series(1, i.indnkeyatts) g),
        'operators', ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_catalog.unnest(c.conexclop) WITH ORDINALITY AS u(op, place)
            JOIN pg_catalog.pg_operator o ON o.oid = u.op JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
            ORDER BY u.place))
    FROM billing b JOIN pg_catalog.pg_index i ON i.indrelid = b.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    LEFT JOIN pg_catalog.pg_constraint c ON c.conindid = x.oid AND c.conrelid = b.oid
        AND c.contype = ANY('{u,x}'::"char"[])
    WHERE (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary AND i.indisready
UNION ALL SELECT 'index', b.relname, pg_catalog.jsonb_build_object('column', a.attname)
    FROM billing b JOIN pg_catalog.pg_index i ON i.indrelid = b.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid AND a.attnum = i.indkey[0]
    WHERE i.indisvalid AND i.indpred IS NULL
UNION ALL SELECT 'upper case', CAST(l.name AS text), pg_catalog.jsonb_build_object(
        'schema', n.nspname, 'name', c.relname)
    FROM (SELECT logical AS name FROM named WHERE logical = called) AS l
    JOIN pg_catalog.pg_class c ON pg_catalog.lower(CAST(c.relname AS text)) = CAST(l.name AS text)
        AND CAST(c.relname AS text) <> CAST(l.name AS text)
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(pg_catalog.current_schemas(false)) AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
        AND l.name NOT IN (SELECT relname FROM billing)
UNION ALL SELECT 'standby', '', pg_catalog.jsonb_build_object(
        'replayed', extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()))
    WHERE pg_catalog.pg_is_in_recovery()
ORDER BY 1, 2, 3
"""
)
SECURED_FROM = text(
    """
SELECT c.relname, o.rolname, pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE') AS owner
FROM pg_catalog.pg_class c, pg_catalog.pg_roles o
WHERE o.rolname = :role AND c.relname = ANY(CAST(:billing AS name[])) AND pg_catalog.pg_table_is_visible(c.oid)
    AND c.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls
    AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE'))
"""
)
