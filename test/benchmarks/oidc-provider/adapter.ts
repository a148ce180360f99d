// oidc-provider's adapter on PostgreSQL: one table for all models, named prepared statements, an index for each
// look-up that the library makes. What it must do: the adapter examples in oidc-provider's documentation.
import type { Adapter, AdapterPayload } from 'oidc-provider'
import type pg from 'pg'

/** Rows are updated once (consumed): the room left on each page keeps that a HOT update. */
const TABLE = `CREATE TABLE IF NOT EXISTS oidc_payload (
  model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, user_code text, uid text,
  expires_at timestamptz, consumed_at timestamptz,
  CONSTRAINT oidc_payload_pkey PRIMARY KEY (model, id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS oidc_payload_grant_id_idx ON oidc_payload (model, grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS oidc_payload_user_code_idx ON oidc_payload (user_code) WHERE user_code IS NOT NULL;
CREATE INDEX IF NOT EXISTS oidc_payload_uid_idx ON oidc_payload (uid) WHERE uid IS NOT NULL`

const find = (condition: string) =>
  `SELECT payload, extract(epoch FROM consumed_at)::integer AS consumed FROM oidc_payload
   WHERE model = $1 AND ${condition} = $2 AND (expires_at IS NULL OR expires_at > now())`

const STATEMENTS = {
  upsert: `INSERT INTO oidc_payload (model, id, payload, grant_id, user_code, uid, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7::integer))
    ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
      user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`,
  find: find('id'),
  findByUserCode: find('user_code'),
  findByUid: find('uid'),
  consume: 'UPDATE oidc_payload SET consumed_at = now() WHERE model = $1 AND id = $2',
  destroy: 'DELETE FROM oidc_payload WHERE model = $1 AND id = $2',
  revokeByGrantId: 'DELETE FROM oidc_payload WHERE model = $1 AND grant_id = $2',
}

type Found = { payload: AdapterPayload; consumed: number | null }

export async function createTable(pool: pg.Pool): Promise<void> {
  await pool.query(TABLE)
}

export function createAdapter(pool: pg.Pool): (model: string) => Adapter {
  const send = async (name: keyof typeof STATEMENTS, values: unknown[]) =>
    (await pool.query<Found>({ name, text: STATEMENTS[name], values })).rows
  const findBy = async (name: 'find' | 'findByUserCode' | 'findByUid', model: string, key: string) => {
    const [row] = await send(name, [model, key])
    if (row === undefined) return undefined
    return row.consumed === null ? row.payload : { ...row.payload, consumed: row.consumed }
  }
  return (model) => ({
    upsert: async (id, payload, expiresIn) => {
      const { grantId, userCode, uid } = payload
      const values = [model, id, payload, grantId ?? null, userCode ?? null, uid ?? null, expiresIn ?? null]
      await send('upsert', values)
    },
    find: (id) => findBy('find', model, id),
    findByUserCode: (userCode) => findBy('findByUserCode', model, userCode),
    findByUid: (uid) => findBy('findByUid', model, uid),
    consume: async (id) => {
      await send('consume', [model, id])
    },
    destroy: async (id) => {
      await send('destroy', [model, id])
    },
    revokeByGrantId: async (grantId) => {
      await send('revokeByGrantId', [model, grantId])
    },
  })
}
