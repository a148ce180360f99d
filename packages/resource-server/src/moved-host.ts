// A host that another one has taken the place of: a name that an organization has given up, or its name below the base
// domain. Reading is sent there (RFC 9110 §15.4.9); anything else is refused with the new host (§15.5.20), since a body
// and a bearer token should not be sent twice, and no client sends a token on after a redirect to another host.
import { AdmissionRefusal } from './admission-refusal.ts'
import type { HostResolution } from './host-map.ts'

export interface MovedRequest {
  /** As the server reads them, behind a trusted proxy too. */
  readonly host: string
  readonly protocol: string
  readonly raw: { readonly method?: string | undefined; readonly url?: string | undefined }
}

/** Throws AdmissionRefusal (moved_host). The new host comes from the map, and only the path from the request. */
export function refuseMovedHost(host: HostResolution, request: MovedRequest): void {
  if (host.kind !== 'moved') return
  const { method, url = '/' } = request.raw
  const members = { host: host.to }
  if (method !== 'GET' && method !== 'HEAD') throw new AdmissionRefusal('moved_host', 'the host has moved', { members })
  const port = /:\d{1,5}$/.exec(request.host)?.[0] ?? ''
  const location = `${request.protocol}://${host.to}${port}${url.startsWith('/') ? url : '/'}`
  throw new AdmissionRefusal('moved_host', 'the host has moved', { members, status: 308, headers: { location } })
}
