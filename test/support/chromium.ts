// Finds a Chromium for the browser tests, and installs Debian's where that is possible.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installDebianPackage } from './debian-package.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

export async function locateChromium(
  say: (line: string) => void,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ path: string } | { missing: string }> {
  const named = environment['TEST_CHROMIUM']
  if (named) return isExecutable(named) ? { path: named } : { missing: `TEST_CHROMIUM is not executable: ${named}` }
  const found = findOnPath(environment)
  if (found) return { path: found }
  const refusal = await installDebianPackage('chromium', say)
  if (refusal) return { missing: refusal }
  const installed = findOnPath(environment)
  return installed ? { path: installed } : { missing: 'the package chromium brought no chromium' }
}

function findOnPath(environment: NodeJS.ProcessEnv): string | undefined {
  const folders = ['/usr/bin', ...(environment['PATH'] ?? '').split(delimiter)]
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
