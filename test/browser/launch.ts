import { type Browser, chromium } from 'playwright-core'

/** Chromium that asks nothing of the network but what a test does; without its sandbox, which root cannot have. */
export function launchChromium(executablePath: string, furtherArgs: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...furtherArgs,
    ],
  })
}
