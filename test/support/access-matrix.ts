// The rows of the access matrix (test/security/access/), and how a request is made from one: for the test that goes
// through all of them, and for properties of whatever sequence of them.
import { readdir } from 'node:fs/promises'
import type { AccessRow, Actor, Target, ThingMaker } from '../security/access/shape.ts'
import type { World } from '../security/access/world.ts'
import type { Instance, Reply } from './identity.ts'

const folder = new URL('../security/access/', import.meta.url)

/** Whatever a file of that folder exports as `…_ROWS` and as `…_THINGS`. */
export async function readMatrix(): Promise<{ rows: readonly AccessRow[]; things: readonly ThingMaker[] }> {
  const areas: Record<string, unknown>[] = []
  for (const file of (await readdir(folder)).sort()) areas.push(await import(new URL(file, folder).href))
  const exported = <T>(suffix: string) =>
    areas.flatMap((area) =>
      Object.entries(area).flatMap(([name, value]) => (name.endsWith(suffix) ? (value as readonly T[]) : [])),
    )
  return { rows: exported<AccessRow>('_ROWS'), things: exported<ThingMaker>('_THINGS') }
}

export function sendAs(
  world: Pick<World, 'tokens'>,
  instance: Pick<Instance, 'inject'>,
  row: AccessRow,
  actor: Actor,
  target: Target,
): Promise<Reply> {
  const { url, payload, headers } = row.request(target)
  return instance.inject({
    method: row.route.split(' ')[0] as 'GET',
    url,
    ...(payload === undefined ? {} : { payload }),
    headers: { ...headers, ...(actor === 'anonymous' ? {} : { authorization: `Bearer ${world.tokens[actor]}` }) },
  })
}

/** A status, and the code of a refusal. */
export function outcomeOf({ status, body }: Reply): string {
  const code = status < 400 ? undefined : (body['code'] ?? body['error'])
  return code === undefined ? String(status) : `${status} ${code}`
}
