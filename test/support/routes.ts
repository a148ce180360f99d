import type { FastifyInstance } from 'fastify'

/** Every route, as `GET /v1/me/sessions/:id`, out of what Fastify prints. */
export function routesOf(app: FastifyInstance): readonly string[] {
  const lines = app.printRoutes({ commonPrefix: false, includeHooks: false }).split('\n')
  const stack: string[] = []
  const routes: string[] = []
  for (const line of lines) {
    const match = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line)
    if (match === null) continue
    const depth = (match[1] ?? '').length / 4
    stack.splice(depth)
    stack.push(match[2] ?? '')
    for (const method of (match[3] ?? '').split(', ').filter(Boolean)) routes.push(`${method} ${stack.join('')}`)
  }
  return routes.filter((route) => !/^(HEAD|OPTIONS) /.test(route))
}
