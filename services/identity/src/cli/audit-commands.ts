// The operator's commands for the audit: whether it is as it was, and a copy of it to take away.
import { createWriteStream } from 'node:fs'
import { link, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type AuditExportLine, auditExportQuerySchema } from '@meridian/protocol/audit'
import { z } from 'zod'
import { exportAudit } from '../audit/export.ts'
import { findChainOf, findScopeOf } from '../audit/scopes.ts'
import { verifyAudit } from '../audit/verify.ts'
import { loadCheckpointOpener } from '../keys/checkpoint-signature.ts'
import { type Command, CommandError, command } from './command.ts'
import { lineOf } from './lines.ts'

const VERIFY_DETAILS = `
  --org ORG              one organization's chain, by id or slug; "platform" for that of none
  --checkpoint TOKEN     a checkpoint that was kept elsewhere, as the log has them: it holds also where the database was
                         rewritten with all its checkpoints. May be given several times.

What is broken is named: the chain, the place in it, the event, and what is wrong. Exit code 1: something is.`

const EXPORT_DETAILS = `
  --org ORG        by id or slug; without it, the platform's own events
  --output FILE    a new file, for its owner alone

Each line is a JSON object, as GET /v1/audit/export answers; the export is noted in the audit itself.`

export const AUDIT_COMMANDS = {
  'audit verify': command({
    summary: 'recomputes the chains of the audit, and says where they are broken',
    usage: 'audit verify [--org ORG] [--checkpoint TOKEN…]',
    details: VERIFY_DETAILS,
    input: z.strictObject({ org: z.string().optional(), checkpoint: z.array(z.string()).optional() }),
    prepare: async (given) => {
      let isBroken = false
      const onLine = () => {
        isBroken = true
      }
      return { input: given, onLine, finish: async () => ({ isRefused: isBroken, result: {} }) }
    },
    run: async ({ db }, { org, checkpoint = [] }, onProgress, { tell }) => {
      const chain = org === undefined ? undefined : await findChainOf(db, org)
      const openCheckpoint = await loadCheckpointOpener(db)
      const found = await verifyAudit({ db, openCheckpoint }, { chain, kept: checkpoint, onProgress })
      for (const broken of found.broken) tell(broken)
      return found
    },
  }),
  'audit export': command({
    summary: 'writes the events of a time to a file, with what is needed to verify them elsewhere',
    usage: 'audit export --from INSTANT --to INSTANT --output FILE [--org ORG]',
    details: EXPORT_DETAILS,
    input: z.strictObject({ from: z.string(), to: z.string(), output: z.string(), org: z.string().optional() }),
    prepare: async ({ output, ...given }) => ({
      input: { ...given, ...(typeof output === 'string' ? { output: resolve(output) } : {}) },
    }),
    run: async (deps, { from, to, output, org }) => {
      const range = auditExportQuerySchema.safeParse({ from, to })
      if (!range.success) throw wrongTime(range.error)
      const scope = await findScopeOf(deps.db, org)
      const lines = await exportAudit(deps, scope, range.data, { person: null, origin: { requestId: 'command' } })
      const unfinished = `${output}.${Buffer.from(deps.randomBytes(6)).toString('hex')}`
      return { output, events: await writeLines(lines, output, unfinished) }
    },
  }),
} satisfies Record<string, Command<z.ZodType>>

function wrongTime({ issues: [issue] }: z.ZodError): CommandError {
  return new CommandError(`Wrong time: --${issue?.path.join('.') || 'from'}: ${issue?.message}`, { isUsage: true })
}

/**
 * The file has its name once it is whole. Resolves to how many events it was. Throws CommandError where there is such a
 * file already.
 */
async function writeLines(lines: AsyncIterable<AuditExportLine>, path: string, unfinished: string): Promise<number> {
  let events = 0
  async function* texts(): AsyncGenerator<string> {
    for await (const line of lines) {
      if (line.type === 'event') events += 1
      yield lineOf(line)
    }
  }
  try {
    await pipeline(Readable.from(texts()), createWriteStream(unfinished, { flags: 'wx', mode: 0o600 }))
    // Unlike a renaming, this never replaces a file that is there.
    await link(unfinished, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'path' in error)
      throw new CommandError(`${path} cannot be written: ${error.code}`)
    throw error
  } finally {
    await rm(unfinished, { force: true })
  }
  return events
}
