import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const MAX_MAILS = 500
/** The file may hold this many lines before it is rewritten with the mails that are still kept. */
const MAX_FILE_LINES = 4 * MAX_MAILS

const caughtMailSchema = z.object({
  id: z.uuid(),
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string().nullable(),
  at: z.iso.datetime(),
})
/** One copy of a mail, as it lies in one recipient's mailbox. */
export type CaughtMail = z.infer<typeof caughtMailSchema>

export interface Mailbox {
  /** Rises with every change. */
  revision: () => number
  /** Newest first; `to` is compared whole, without regard to case. */
  list: (to: string | null) => CaughtMail[]
  find: (id: string) => CaughtMail | null
  /** One mail for each recipient. In the file before it is in the list. */
  deliver: (recipients: string[], content: Omit<CaughtMail, 'id' | 'to'>) => Promise<void>
  empty: () => Promise<void>
  /** Rewrites the file with what is kept, and so drops old, deleted and torn lines. */
  compact: () => Promise<void>
  settled: () => Promise<void>
}

export async function openMailbox(options: {
  folder: string | undefined
  log: (line: string) => void
}): Promise<Mailbox> {
  const { folder, log } = options
  const file = folder === undefined ? null : join(folder, 'mail.jsonl')
  let mails = file === null ? [] : await readMails(file, log)
  let revision = 0
  let fileLines = 0
  const inTurn = turnstile()

  const rewrite = async (kept: CaughtMail[]) => {
    if (file !== null) await replaceFile(file, kept)
    fileLines = kept.length
  }
  const change = (next: CaughtMail[]) => {
    mails = next
    revision += 1
  }
  return {
    revision: () => revision,
    list: (to) =>
      (to === null ? mails : mails.filter((mail) => mail.to.toLowerCase() === to.toLowerCase())).toReversed(),
    find: (id) => mails.find((mail) => mail.id === id) ?? null,
    deliver: (recipients, content) =>
      inTurn(async () => {
        const copies = recipients.map((to) => ({ id: randomUUID(), to, ...content }))
        const kept = [...mails, ...copies].slice(-MAX_MAILS)
        if (fileLines + copies.length > MAX_FILE_LINES) await rewrite(kept)
        else if (file !== null) await appendFile(file, toLines(copies), { mode: 0o600 })
        fileLines += copies.length
        change(kept)
      }),
    empty: () =>
      inTurn(async () => {
        await rewrite([])
        change([])
      }),
    compact: () => inTurn(() => rewrite(mails)),
    settled: () => inTurn(async () => {}),
  }
}

/** Runs what it is given one after the other, in the order of the calls. */
function turnstile() {
  let last: Promise<void> = Promise.resolve()
  return (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}

function toLines(mails: CaughtMail[]): string {
  return mails.map((mail) => `${JSON.stringify(mail)}\n`).join('')
}

async function replaceFile(file: string, mails: CaughtMail[]): Promise<void> {
  const draft = `${file}.new`
  await writeFile(draft, toLines(mails), { mode: 0o600 })
  await rename(draft, file)
}

async function readMails(file: string, log: (line: string) => void): Promise<CaughtMail[]> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = content.split('\n').filter((line) => line !== '')
  const mails = lines.flatMap((line) => parseLine(line) ?? [])
  if (mails.length < lines.length) log(`Left out ${lines.length - mails.length} unreadable lines of ${file}`)
  return mails.slice(-MAX_MAILS)
}

/** Null for a line that the death of the process cut short. */
function parseLine(line: string): CaughtMail | null {
  try {
    return caughtMailSchema.parse(JSON.parse(line))
  } catch {
    return null
  }
}
