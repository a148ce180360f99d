// The client_credentials grant (RFC 6749 §4.4): a region's own client reads what the centre keeps for its region.
import type { TokenRequestOf } from '@meridian/protocol/oauth-requests'
import { grantedScope } from '../directory/client-rules.ts'
import { Refusal } from '../refusal.ts'
import { readNow } from '../store/deployment.ts'
import type { GrantContext, GrantDeps, Proof } from './grant.ts'

export async function grantClientCredentials(
  deps: GrantDeps,
  context: GrantContext,
  request: TokenRequestOf<'client_credentials'>,
): Promise<Proof> {
  const { client } = context
  if (client.authMethod === 'none') throw new Refusal('unauthorized_client', 'a public client proves nothing')
  if (request.org_id !== undefined || (request.resource !== undefined && request.resource !== deps.settings.issuer)) {
    throw new Refusal('invalid_target', 'a client token is for the issuer alone')
  }
  return { kind: 'client', scope: grantedScope(client, request.scope), nowSeconds: await readNow(deps.db) }
}
