// Which entries of the feed this build makes sense of. A newer centre may send kinds and members that it does not know:
// members are kept as told, an entry is put aside.
import { feedEntrySchema, type ReceivedEntry } from '@meridian/protocol/feed'
import { z } from 'zod'

/** An entry under its epoch. */
export interface ToldEntry extends ReceivedEntry {
  epoch: string
}

export interface AsideEntry extends ToldEntry {
  reason: string
}

const KNOWN = new Map(
  feedEntrySchema.options.map(({ shape }) => {
    const state = z.looseObject({ ...shape.state.unwrap().shape })
    return [shape.kind.value as string, z.object({ id: shape.id, state: state.nullable() })]
  }),
)

const REASON_MAX_LENGTH = 300

/** Of several entries of one entity the newest. */
export function newestOf(entries: readonly ReceivedEntry[], epoch: string): ToldEntry[] {
  const newest = new Map<string, ToldEntry>()
  for (const entry of entries) {
    const key = keyOf(entry)
    const known = newest.get(key)
    if (known === undefined || known.revision <= entry.revision) newest.set(key, { ...entry, epoch })
  }
  return [...newest.values()]
}

export function sortOut(entries: readonly ToldEntry[]): { known: ToldEntry[]; aside: AsideEntry[] } {
  const known: ToldEntry[] = []
  const aside: AsideEntry[] = []
  for (const entry of entries) {
    const schema = KNOWN.get(entry.kind)
    const parsed = schema?.safeParse(entry)
    if (parsed?.success) known.push(entry)
    else aside.push({ ...entry, reason: reasonOf(parsed?.error) })
  }
  return { known, aside }
}

/** Where and how, without the values. */
function reasonOf(error: z.ZodError | undefined): string {
  if (error === undefined) return 'unknown kind'
  const issues = error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`)
  return `not understood: ${issues.join(', ')}`.slice(0, REASON_MAX_LENGTH)
}

export function failureOf(error: unknown): string {
  return `failed: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`.slice(
    0,
    REASON_MAX_LENGTH,
  )
}

/** `kind/id`, as in the protocol's feedKeySchema. */
export function keyOf({ kind, id }: { kind: string; id: string }): string {
  return `${kind}/${id}`
}
