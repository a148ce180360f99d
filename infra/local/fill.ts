// The first sys-admin and the first people, through the operator's own commands. What is there already stays.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DIRECTORY, SYS_ADMIN } from './directory.ts'
import { type Options, ROOT } from './options.ts'
import { StackError } from './stack-error.ts'

export async function fillDirectory(options: Options): Promise<void> {
  const { email, name } = SYS_ADMIN
  const appointed = await meridian(options, ['create-sys-admin', '--email', email, '--name', name])
  // Refused: from the second start on there is one.
  if (appointed.failure !== undefined && !appointed.failure.startsWith('Refused: there is a sys-admin already')) {
    throw new StackError(`The sys-admin could not be appointed: ${appointed.failure}`)
  }
  const path = join(options.dataFolder, 'directory.json')
  await writeFile(path, `${JSON.stringify(DIRECTORY, null, 2)}\n`, { mode: 0o600 })
  const imported = await meridian(options, ['import', path])
  if (imported.failure !== undefined) {
    throw new StackError(`The organizations and people could not be brought in: ${imported.failure}`)
  }
}

function meridian(options: Options, args: readonly string[]): Promise<{ failure: string | undefined }> {
  const env = { PATH: process.env['PATH'], DATA_FOLDER: join(options.dataFolder, 'identity') }
  const main = join(ROOT, 'services/identity/src/cli/main.ts')
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: ROOT, env }, (error, _stdout, stderr) => {
      resolve({ failure: error === null ? undefined : stderr.trim() || error.message })
    })
  })
}
