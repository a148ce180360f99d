// A directory to change at random, in SQL and many rows at a time: what managers, sys-admins, imports and jobs do.
import type pg from 'pg'

export type Client = Pick<pg.Client, 'query'>
export type Operation = (client: Client) => Promise<unknown>

const ROWS_MAX = 300
const REGIONS = ['in', 'us']
const MODULES = ['records', 'calendar', 'reports', 'insights']

type DirectoryOptions = {
  readonly random: () => number
  readonly organizations: number
  /** Two directories in one database have different ones, 1 to 9. */
  readonly number: number
}

export function createDirectory({ random, organizations, number }: DirectoryOptions) {
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(values: readonly T[]) => values[below(values.length)] as T
  const prefixOf = (kind: 'a' | 'b' | 'c' | 'd') => `0193${kind}${number}00-0000-7000-8000-`
  const idOf = (kind: 'a' | 'b' | 'c' | 'd', n: number) => prefixOf(kind) + n.toString(16).padStart(12, '0')
  let people = 0
  let memberships = 0
  let domains = 0
  let clients = 0

  const organization = () => idOf('a', below(organizations))
  /** Not the managers, who are the first: an organization keeps one. */
  const person = () => idOf('b', organizations + below(people - organizations))
  const persons = (most = ROWS_MAX) => Array.from({ length: 1 + below(most) }, person).sort()
  const label = () => `${random().toString(36).slice(2, 10)} ž“${below(1000)}`
  const domain = (n: number) => `d${number}-${n}.example.test`
  const role = () => pick(['member', 'viewer'])

  const idsFrom = (kind: 'a' | 'b' | 'c', n: string) => `('${prefixOf(kind)}' || lpad(to_hex(${n}), 12, '0'))::uuid`
  const INSERT_PEOPLE = `INSERT INTO user_account (id, email, name)
    SELECT ${idsFrom('b', 'n')}, 'p${number}-' || n || '@bulk.test', 'Person ' || n
    FROM generate_series($1::integer, $2::integer) n`
  // Everybody in one organization, one in three in another one as well, in all of its regions or one of them.
  const INSERT_MEMBERSHIPS = `INSERT INTO membership (id, user_id, org_id, region, role)
    SELECT ${idsFrom('c', '$3::integer + (row_number() OVER (ORDER BY n, o, x.region))::integer')}, ${idsFrom('b', 'n')},
      x.org_id, x.region, CASE WHEN $4::boolean THEN 'manager' ELSE (ARRAY['member', 'viewer'])[1 + n % 2] END
    FROM generate_series($1::integer, $2::integer) n, generate_series(0, 1) o, organization_region x
    WHERE x.org_id = ${idsFrom('a', '(n + o * 7) % $5::integer')}
      AND CASE WHEN $4::boolean THEN o = 0 ELSE (o = 0 OR n % 3 = 0) AND (n % 4 <> 1 OR x.region = 'in') END`

  async function arrive(client: Client, count: number, isManager = false): Promise<void> {
    const [first, last, firstMembership] = [people, people + count - 1, memberships]
    people += count
    memberships += count * 2 * REGIONS.length
    await client.query(INSERT_PEOPLE, [first, last])
    await client.query(INSERT_MEMBERSHIPS, [first, last, firstMembership, isManager, organizations])
  }

  async function leave(client: Client): Promise<void> {
    const who = persons(5)
    await client.query(
      `UPDATE membership SET status = 'removed', display_name = NULL
        WHERE user_id = ANY ($1::uuid[]) AND status <> 'removed'`,
      [who],
    )
    await client.query(
      `UPDATE user_account SET status = 'deleted', deleted_at = meridian_now(), name = '', email = NULL,
          email_verified_at = NULL, disabled_at = NULL
        WHERE id = ANY ($1::uuid[]) AND status <> 'deleted'`,
      [who],
    )
  }

  const AMONG = 'user_id = ANY ($1::uuid[])'
  /** How often, what, and with which values. */
  const statements: readonly (readonly [number, string, () => readonly unknown[]])[] = [
    [
      6,
      "UPDATE user_account SET name = $2 || id WHERE id = ANY ($1::uuid[]) AND status <> 'deleted'",
      () => [persons(), label()],
    ],
    [
      2,
      `UPDATE user_account SET email = $2 || right(id::text, 12) || '@moved.test'
        WHERE id = ANY ($1::uuid[]) AND status <> 'deleted'`,
      () => [persons(20), `m${number}-${below(1e9)}-`],
    ],
    [
      1,
      `UPDATE user_account SET status = CASE status WHEN 'active' THEN 'disabled' ELSE 'active' END
        WHERE id = ANY ($1::uuid[]) AND status <> 'deleted'`,
      () => [persons(40)],
    ],
    [
      6,
      `UPDATE membership SET role = $2 WHERE ${AMONG} AND status <> 'removed' AND role <> 'manager'`,
      () => [persons(), role()],
    ],
    [
      3,
      `UPDATE membership SET status = CASE status WHEN 'active' THEN 'suspended' ELSE 'active' END
        WHERE ${AMONG} AND status <> 'removed' AND region = $2`,
      () => [persons(100), pick(REGIONS)],
    ],
    [
      3,
      `UPDATE membership SET status = 'removed' WHERE ${AMONG} AND status <> 'removed' AND org_id <> $2::uuid`,
      () => [persons(100), organization()],
    ],
    [
      4,
      `UPDATE membership m SET status = 'active', role = $2 FROM user_account u
        WHERE u.id = m.user_id AND m.${AMONG} AND m.status = 'removed' AND u.status <> 'deleted'`,
      () => [persons(), role()],
    ],
    [
      2,
      `UPDATE membership SET display_name = $2 WHERE ${AMONG} AND status <> 'removed'`,
      () => [persons(100), pick([null, label()])],
    ],
    [
      2,
      `UPDATE organization SET name = $2, subscription_tier = $3,
        settings = jsonb_build_object('locale', $2::text, 'n', $4::integer) WHERE id = $1::uuid`,
      () => [organization(), label(), pick(['free', 'standard', 'premium']), below(100)],
    ],
    [
      1,
      "UPDATE organization SET status = $2 WHERE id = $1::uuid AND status <> 'deleted'",
      () => [organization(), pick(['active', 'active', 'maintenance', 'suspended'])],
    ],
    [
      1,
      `UPDATE organization SET status = CASE status WHEN 'deleted' THEN 'active' ELSE 'deleted' END,
          deleted_at = CASE WHEN status <> 'deleted' THEN meridian_now() END,
          delete_after = CASE WHEN status <> 'deleted' THEN meridian_now() + interval '30 days' END
        WHERE id = $1::uuid`,
      () => [organization()],
    ],
    [
      1,
      `UPDATE organization_region x SET status = CASE status WHEN 'active' THEN 'withdrawn' ELSE 'active' END
        WHERE org_id = $1::uuid AND region = $2 AND (status = 'withdrawn' OR EXISTS (SELECT FROM membership m
          JOIN organization_region y ON y.org_id = m.org_id AND y.region = m.region AND y.status = 'active'
          WHERE m.org_id = x.org_id AND m.region <> x.region AND m.role = 'manager'))`,
      () => [organization(), pick(REGIONS)],
    ],
    [
      1,
      'INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, $2) ON CONFLICT DO NOTHING',
      () => [organization(), pick(REGIONS)],
    ],
    [
      2,
      `INSERT INTO entitlement (org_id, module) VALUES ($1::uuid, $2)
        ON CONFLICT (org_id, module) DO UPDATE SET enabled = NOT entitlement.enabled`,
      () => [organization(), pick(MODULES)],
    ],
    [1, 'DELETE FROM entitlement WHERE org_id = $1::uuid AND module = $2', () => [organization(), pick(MODULES)]],
    [
      2,
      `INSERT INTO organization_domain (id, org_id, region, domain, status, verification, verified_at)
        SELECT $1::uuid, x.org_id, x.region, $2, $3, $2, meridian_now() FROM organization_region x
        WHERE x.org_id = $4::uuid ORDER BY random() LIMIT 1`,
      () => [idOf('d', ++domains), domain(domains), pick(['pending', 'active']), organization()],
    ],
    [
      2,
      `UPDATE organization_domain SET status = $2, verified_at = meridian_now(),
        released_at = CASE WHEN $2 = 'released' THEN meridian_now() END WHERE id = $1::uuid`,
      () => [idOf('d', 1 + below(domains)), pick(['active', 'degraded', 'disabled', 'released'])],
    ],
    [
      1,
      `INSERT INTO client (id, name, auth_method, allowed_origins, allowed_resources, source)
        VALUES ($1, 'Client', 'none', ARRAY[$2], '{*}', 'api')`,
      () => [`bulk-${number}-${++clients}`, `https://c${clients}.example.test`],
    ],
    [
      1,
      'UPDATE client SET allowed_origins = $2, status = $3 WHERE id = $1',
      () => [
        `bulk-${number}-${1 + below(clients)}`,
        pick([[], ['https://b.example.test', 'https://a.example.test']]),
        pick(['active', 'active', 'deleted']),
      ],
    ],
  ]
  const operations: readonly Operation[] = [
    ...statements.flatMap(([weight, text, values]) =>
      Array.from({ length: weight }, () => (client: Client) => client.query(text, [...values()])),
    ),
    ...Array.from({ length: 2 }, () => (client: Client) => arrive(client, 1 + below(40))),
    leave,
  ]

  return {
    below,
    label,
    person,
    organization,
    /** Of the organization of that number; no operation here touches them. */
    manager: (n: number) => idOf('b', n),
    /** Member of the organization of that number. */
    memberOf: (n: number) => idOf('b', organizations + n),
    operate: (client: Client) => pick(operations)(client),
    begin: async (client: Client, count: number) => {
      await client.query(
        `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email)
          SELECT ${idsFrom('a', 'n')}, 'bulk-${number}-' || n, 'Organization ' || n, 'C', 'c@bulk.test'
          FROM generate_series(0, $1::integer - 1) n`,
        [organizations],
      )
      await client.query(
        `INSERT INTO organization_region (org_id, region) SELECT o.id, r.code FROM organization o, region r
          WHERE o.slug LIKE 'bulk-${number}-%' AND (right(o.id::text, 1) NOT IN ('3', '7') OR r.code = 'in')`,
      )
      await arrive(client, organizations, true)
      while (people < count) await arrive(client, Math.min(5000, count - people))
      await client.query(
        `INSERT INTO client (id, name, auth_method, allowed_origins, allowed_resources, source)
          VALUES ($1, 'Client', 'none', '{https://c.example.test}', '{*}', 'api')`,
        [`bulk-${number}-${++clients}`],
      )
      await client.query(
        `INSERT INTO organization_domain (id, org_id, region, domain, status, verification, verified_at)
          VALUES ($1::uuid, $2::uuid, 'in', $3, 'active', 'v', meridian_now())`,
        [idOf('d', ++domains), idOf('a', 0), domain(domains)],
      )
      await client.query('ANALYZE')
    },
  }
}
