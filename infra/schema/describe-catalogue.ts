// One line a thing, in an order of its own, the same on every supported PostgreSQL.
type Ask = (query: string) => Promise<readonly { line: string }[]>

const OURS = `n.nspname = 'public'`

const SECTIONS: readonly (readonly [title: string, query: string])[] = [
  [
    'checks',
    `SELECT c.relname || ' ' || k.conname || ': ' || pg_get_constraintdef(k.oid) AS line
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${OURS} AND k.contype = 'c'`,
  ],
  [
    'partial and expression indexes',
    `SELECT pg_get_indexdef(i.indexrelid) AS line
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${OURS} AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)`,
  ],
  [
    'column defaults',
    `SELECT c.relname || '.' || a.attname || ' = ' || pg_get_expr(d.adbin, d.adrelid) AS line
     FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
       JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${OURS} AND c.relname <> '_prisma_migrations'`,
  ],
  [
    'storage parameters',
    `SELECT c.relname || ' ' || array_to_string(c.reloptions, ', ') AS line
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS} AND c.reloptions IS NOT NULL`,
  ],
  [
    'triggers',
    `SELECT pg_get_triggerdef(g.oid) || CASE g.tgenabled WHEN 'O' THEN '' ELSE ' DISABLED ' || g.tgenabled::text END AS line
     FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${OURS} AND NOT g.tgisinternal`,
  ],
  [
    'functions (text by digest)',
    `SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || l.lanname || ' ' || p.provolatile::text || p.proparallel::text
       || CASE WHEN p.proisstrict THEN ' STRICT' ELSE '' END || CASE WHEN p.prosecdef THEN ' SECURITY DEFINER' ELSE '' END
       || coalesce(' SET ' || array_to_string(p.proconfig, ', '), '') || coalesce(' acl ' || array_to_string(p.proacl, ', '), '')
       || ' returns ' || pg_get_function_result(p.oid) || ' body ' || md5(p.prosrc) AS line
     FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS}`,
  ],
  [
    'row-level security',
    `SELECT c.relname || CASE WHEN c.relforcerowsecurity THEN ' forced' ELSE ' not forced' END AS line
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS} AND c.relrowsecurity`,
  ],
  [
    'policies',
    `SELECT tablename || ' ' || policyname || ' ' || permissive || ' for ' || cmd || ' to ' || array_to_string(roles, ', ')
       || ' using ' || coalesce(qual, '-') || ' with check ' || coalesce(with_check, '-') AS line
     FROM pg_policies WHERE schemaname = 'public'`,
  ],
  [
    'grants to others than the owner',
    `SELECT table_name || ' to ' || grantee || ': ' || string_agg(privilege_type, ', ' ORDER BY privilege_type) AS line
     FROM information_schema.role_table_grants
     WHERE table_schema = 'public' AND grantee <> grantor GROUP BY table_name, grantee`,
  ],
  [
    'grants of single columns',
    `SELECT c.relname || '.' || a.attname || ': ' || array_to_string(a.attacl, ', ') AS line
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${OURS} AND a.attacl IS NOT NULL`,
  ],
  [
    'grants on the schema',
    `SELECT r.rolname || ': ' || string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) AS line
     FROM pg_namespace n, aclexplode(n.nspacl) x JOIN pg_roles r ON r.oid = x.grantee
     WHERE ${OURS} AND x.grantee <> n.nspowner GROUP BY r.rolname`,
  ],
  [
    'roles that something is granted to',
    `SELECT rolname || concat(' login ', rolcanlogin, ' superuser ', rolsuper, ' bypassrls ', rolbypassrls,
       ' createdb ', rolcreatedb, ' createrole ', rolcreaterole, ' replication ', rolreplication,
       ' inherit ', rolinherit) AS line
     FROM pg_roles WHERE rolname IN (SELECT grantee FROM information_schema.role_table_grants
       WHERE table_schema = 'public' AND grantee <> grantor)`,
  ],
]

/** A listing that is compared as text. Function bodies stand as a digest: their text is in the migrations. */
export async function describeCatalogue(ask: Ask): Promise<string> {
  const parts: string[] = []
  for (const [title, query] of SECTIONS) {
    const lines = (await ask(query)).map(({ line }) => line.replace(/\s+/g, ' ')).sort()
    parts.push(`# ${title}`, ...lines, '')
  }
  return parts.join('\n')
}
