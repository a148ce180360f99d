// A browser app of the client `spa-standard`: one page with oidc-client-ts in it, served at its registered origin,
// wherever the local stack's issuer is.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Where the registry of the local stack has it. */
export const APP_ORIGIN = 'http://localhost:4200'

const BUNDLE = join(createRequire(import.meta.url).resolve('oidc-client-ts'), '../../browser/oidc-client-ts.min.js')

const pageFor = (
  issuer: string,
) => `<!doctype html><title>An app</title><script src="/oidc-client-ts.js"></script><script>
var settings = {
  authority: '${issuer}',
  client_id: 'spa-standard',
  redirect_uri: '${APP_ORIGIN}/callback',
  post_logout_redirect_uri: '${APP_ORIGIN}/',
  scope: 'openid profile email',
  loadUserInfo: true,
  automaticSilentRenew: false,
}
var manager = new oidc.UserManager(settings)
// Of the same sign-in. Userinfo is for account tokens, and this one's are a region's.
var regional = new oidc.UserManager({ ...settings, loadUserInfo: false })
</script>`

/** Serves the app. Resolves to the argument that leads a Chromium there by the registered origin. */
export async function serveApp(t: Test, issuer: string): Promise<string> {
  const bundle = await readFile(BUNDLE)
  const server = createServer((request, response) => {
    if (request.url === '/oidc-client-ts.js') response.setHeader('content-type', 'text/javascript').end(bundle)
    else response.setHeader('content-type', 'text/html; charset=utf-8').end(pageFor(issuer))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return `--host-resolver-rules=MAP localhost:4200 127.0.0.1:${port}`
}
