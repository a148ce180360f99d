// Production-like hosts in a real browser: id. and app. of one domain over TLS, same-site and cross-origin. One server
// speaks for all of them; the identity service answers through inject, so that a test can hold an answer or lose it.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import type { Test } from 'tap'
import type { IdentityUnderTest } from '../support/identity.ts'

export type ProductionHosts = {
  newContext(): Promise<BrowserContext>
  /** Answers to `/oauth/token?answer=NAME` wait until they are let go. */
  letGo(name: string): void
  /** Resolves once the service has dealt with that request. */
  dealtWith(name: string): Promise<void>
}

/** Serves `page` at every path of app.example.test, and the service at id.example.test. */
export async function serveProductionHosts(
  t: Test,
  options: { identity: IdentityUnderTest; chromium: string; page: string },
): Promise<ProductionHosts> {
  const held = new Map<string, { dealt: PromiseWithResolvers<void>; go: PromiseWithResolvers<void> }>()
  const holdOf = (name: string) => {
    const known = held.get(name) ?? { dealt: Promise.withResolvers<void>(), go: Promise.withResolvers<void>() }
    held.set(name, known)
    return known
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.host?.startsWith('id.') !== true) {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(options.page)
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const reply = await options.identity.app.inject({
      method: request.method as 'GET',
      url: request.url ?? '/',
      headers: request.headers as Record<string, string>,
      payload: Buffer.concat(chunks),
    })
    const name = new URL(request.url ?? '/', 'https://id.example.test').searchParams.get('answer')
    if (name !== null) {
      const hold = holdOf(name)
      hold.dealt.resolve()
      if (name.startsWith('lost')) {
        request.socket.destroy()
        return
      }
      await hold.go.promise
    }
    if (response.destroyed) return
    for (const [header, value] of Object.entries(reply.headers)) {
      if (value !== undefined && header !== 'transfer-encoding') response.setHeader(header, value)
    }
    response.writeHead(reply.statusCode).end(reply.rawPayload)
  }
  const server = createServer(await makeCertificate(t), (request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({
    executablePath: options.chromium,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP *.example.test 127.0.0.1:${port}`,
    ],
  })
  t.teardown(async () => {
    await browser.close()
    server.closeAllConnections()
    server.close()
  })
  return {
    newContext: () => browser.newContext({ ignoreHTTPSErrors: true }),
    letGo: (name) => holdOf(name).go.resolve(),
    dealtWith: (name) => holdOf(name).dealt.promise,
  }
}

async function makeCertificate(t: Test): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-tls-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=example.test', '-addext', 'subjectAltName=DNS:*.example.test']
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key: await readFile(key), cert: await readFile(cert) }
}
