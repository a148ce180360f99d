// What a region should hold, by a definition of its own: read from the directory alone, not from what the feed has
// written down. And whether it does: the same sums on both sides, and by name what differs.
import type pg from 'pg'

/** kind, id and state of everything that region $1 may see. */
export const VIEW = `
  SELECT 'user' AS kind, u.id::text AS id, jsonb_build_object('name', u.name, 'email', u.email, 'status', u.status) AS state
    FROM user_account u WHERE u.id IN (SELECT user_id FROM membership WHERE region = $1 AND status <> 'removed')
  UNION ALL
  SELECT 'membership', m.id::text, jsonb_build_object('user_id', m.user_id, 'org_id', m.org_id, 'role', m.role,
      'status', m.status, 'display_name', m.display_name, 'version', m.version)
    FROM membership m WHERE m.region = $1 AND m.status <> 'removed'
  UNION ALL
  SELECT 'organization', o.id::text, jsonb_build_object('slug', o.slug, 'name', o.name,
      'status', CASE WHEN x.status = 'withdrawn' THEN 'deleted' ELSE o.status END,
      'subscription_tier', o.subscription_tier, 'settings', o.settings)
    FROM organization_region x JOIN organization o ON o.id = x.org_id WHERE x.region = $1 AND o.purged_at IS NULL
  UNION ALL
  SELECT 'entitlements', o.id::text, jsonb_build_object('modules', to_jsonb(ARRAY(
      SELECT e.module FROM entitlement e WHERE e.org_id = o.id AND e.enabled ORDER BY e.module COLLATE "C")))
    FROM organization_region x JOIN organization o ON o.id = x.org_id WHERE x.region = $1 AND o.purged_at IS NULL
  UNION ALL
  SELECT 'domain', d.id::text, jsonb_build_object('org_id', d.org_id, 'domain', d.domain, 'status', d.status,
      'is_primary', d.is_primary)
    FROM organization_domain d WHERE d.region = $1 AND d.status IN ('active', 'degraded', 'disabled')
  UNION ALL
  SELECT 'client', c.id, jsonb_build_object('allowed_origins', to_jsonb(ARRAY(
      SELECT a FROM unnest(c.allowed_origins) a ORDER BY a COLLATE "C")))
    FROM client c JOIN region r ON r.code = $1
    WHERE c.status = 'active' AND c.allowed_origins <> '{}' AND c.allowed_resources && ARRAY['*', r.api_url]`

const HELD = 'SELECT kind, id, state FROM replica_entity WHERE state IS NOT NULL'

const sumOf = (rows: string) => `
  SELECT kind, count(*)::int AS n,
    sum(('x' || left(md5(id || E'\\n' || state::text), 15))::bit(60)::bigint)::text AS sum
  FROM (${rows}) AS r GROUP BY kind ORDER BY kind COLLATE "C"`

type Sum = { readonly kind: string; readonly n: number; readonly sum: string }
type Row = { readonly kind: string; readonly id: string; readonly state: unknown }

/** Lines that say what differs; none where the region holds exactly what it should. */
export async function compareWithCentre(
  centre: pg.Client,
  region: pg.Client,
  code: string,
): Promise<readonly string[]> {
  const [wanted, held] = await Promise.all([centre.query<Sum>(sumOf(VIEW), [code]), region.query<Sum>(sumOf(HELD))])
  const kinds = new Set([...wanted.rows, ...held.rows].map(({ kind }) => kind))
  const differing = [...kinds].filter((kind) => {
    const [one, other] = [wanted, held].map(({ rows }) => rows.find((row) => row.kind === kind))
    return one?.n !== other?.n || one?.sum !== other?.sum
  })
  const lines: string[] = []
  for (const kind of differing) lines.push(...(await nameDifferences(centre, region, code, kind)))
  return lines
}

async function nameDifferences(centre: pg.Client, region: pg.Client, code: string, kind: string) {
  const rowsOf = async (client: pg.Client, text: string, values: string[]) => {
    const { rows } = await client.query<Row>(text, values)
    return new Map(rows.map(({ id, state }) => [id, JSON.stringify(state)]))
  }
  const [wanted, held] = await Promise.all([
    rowsOf(centre, `SELECT * FROM (${VIEW}) AS r WHERE kind = $2`, [code, kind]),
    rowsOf(region, `${HELD} AND kind = $1`, [kind]),
  ])
  const ids = new Set([...wanted.keys(), ...held.keys()])
  const lines = [...ids].flatMap((id) => {
    const [one, other] = [wanted.get(id), held.get(id)]
    return one === other ? [] : [`${code}: ${kind} ${id}: should be ${one ?? 'gone'}, is ${other ?? 'gone'}`]
  })
  return [`${code}: ${lines.length} of kind ${kind} differ`, ...lines.slice(0, 5)]
}

/** How many rows the region holds. */
export async function countHeld(region: pg.Client): Promise<number> {
  const { rows } = await region.query<{ n: number }>(`SELECT count(*)::int AS n FROM (${HELD}) AS r`)
  return rows[0]?.n ?? 0
}

/**
 * From now on the region's own database notes each time that an entity goes back: an older state in place of a newer one,
 * or something back under a place in the order that was passed before.
 */
export async function watchForSteps(region: pg.Client): Promise<void> {
  await region.query(`
    CREATE TABLE IF NOT EXISTS watched (kind text COLLATE "C", id text COLLATE "C", epoch numeric, revision numeric, PRIMARY KEY (kind, id));
    CREATE TABLE IF NOT EXISTS went_back (kind text, id text, before text, after text, state jsonb, at timestamptz DEFAULT clock_timestamp());
    CREATE OR REPLACE FUNCTION watch_steps() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE held watched;
    BEGIN
      -- Gone by the centre's own list: who comes back after that must still be newer than before.
      IF NEW.state IS NULL AND NEW.revision = 0 THEN
        RETURN NULL;
      END IF;
      SELECT * INTO held FROM watched w WHERE w.kind = NEW.kind AND w.id = NEW.id;
      IF (held.epoch, held.revision) > (NEW.epoch::numeric, NEW.revision::numeric) THEN
        INSERT INTO went_back VALUES (NEW.kind, NEW.id, held.epoch || '.' || held.revision, NEW.epoch || '.' || NEW.revision, NEW.state);
      END IF;
      INSERT INTO watched VALUES (NEW.kind, NEW.id, NEW.epoch, NEW.revision)
        ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision;
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER watch_steps AFTER INSERT OR UPDATE ON replica_entity FOR EACH ROW EXECUTE FUNCTION watch_steps();`)
}

/** What was noted since; it is forgotten. */
export async function takeSteps(region: pg.Client): Promise<readonly string[]> {
  const { rows } = await region.query<Record<string, unknown>>(
    'DELETE FROM went_back RETURNING kind, id, before, after, state',
  )
  return rows.map((row) => JSON.stringify(row))
}
