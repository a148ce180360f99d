// The secrets of one local stack: made at random on its first start, kept in a file that only its owner reads.
import { createHash, randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StackError } from './stack-error.ts'

const secretsSchema = z.strictObject({
  TOKEN_KEYS: z.string(),
  OTP_KEYS: z.string(),
  SEAL_KEYS: z.string(),
  clientSecrets: z.strictObject({ 'region-in': z.string(), 'region-us': z.string() }),
})
export type StackSecrets = z.infer<typeof secretsSchema>

export const SECRETS_FILE = 'secrets.json'

const SECRET_BYTES = 32
const random = () => randomBytes(SECRET_BYTES).toString('base64url')

export async function readOrMakeSecrets(dataFolder: string): Promise<{ secrets: StackSecrets; areNew: boolean }> {
  const path = join(dataFolder, SECRETS_FILE)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text !== undefined) return { secrets: parseSecrets(path, text), areNew: false }
  const secrets: StackSecrets = {
    TOKEN_KEYS: `t1:${random()}`,
    OTP_KEYS: `o1:${random()}`,
    SEAL_KEYS: `s1:${random()}`,
    clientSecrets: { 'region-in': random(), 'region-us': random() },
  }
  // Renamed into place: half a file would leave a database that nothing can open.
  const file = await open(`${path}.new`, 'w', 0o600)
  await file.writeFile(`${JSON.stringify(secrets, null, 2)}\n`)
  await file.sync()
  await file.close()
  await rename(`${path}.new`, path)
  return { secrets, areNew: true }
}

function parseSecrets(path: string, text: string): StackSecrets {
  try {
    return secretsSchema.parse(JSON.parse(text))
  } catch {
    throw new StackError(`${path} is damaged. Start over with --fresh, which forgets everything in this folder.`)
  }
}

export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
