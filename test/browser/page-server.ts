import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from '../../services/identity/src/pages/page.ts'

export type PageServer = {
  readonly origin: string
  /** The forms that were posted, oldest first. */
  readonly posts: { readonly path: string; readonly fields: Readonly<Record<string, string>> }[]
  stop(): Promise<void>
}

/** Serves each page at /pages/<name> with its policy; answers a post with where `redirectPosts` sends it, else 200. */
export async function servePages(
  pages: () => ReadonlyMap<string, Page>,
  redirectPosts: () => string | null = () => null,
): Promise<PageServer> {
  const posts: { path: string; fields: Record<string, string> }[] = []
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const fields = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
      posts.push({ path: request.url ?? '', fields })
      const location = redirectPosts()
      if (location === null) response.end('posted')
      else response.writeHead(303, { location }).end()
      return
    }
    const page = pages().get((request.url ?? '').replace('/pages/', ''))
    if (!page) {
      response.writeHead(404).end('no such page')
      return
    }
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.setHeader('content-security-policy', page.contentSecurityPolicy)
    response.end(page.html)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    posts,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
