import type { ClientRegistration, RegisteredClient } from '@meridian/protocol/clients'
import { regionCodeSchema } from '@meridian/protocol/ids'
import type { StoredRegistration } from '../store/client-registrations.ts'
import type { Client } from '../store/clients.ts'

/** A registration in the store's words. */
export function storedClientOf(registration: ClientRegistration, secretHash: Uint8Array | null): Client {
  return {
    id: registration.id,
    name: registration.name,
    firstParty: registration.first_party,
    browser: registration.browser,
    authMethod: registration.auth_method,
    secretHash: secretHash === null ? null : new Uint8Array(secretHash),
    redirectUris: registration.redirect_uris,
    allowedOrigins: registration.allowed_origins,
    accountToken: registration.account_token,
    allowedResources: registration.allowed_resources,
    grantTypes: registration.grant_types,
    scopes: registration.scopes,
    refreshTransport: registration.refresh_transport,
    idTokenAlg: registration.id_token_alg,
    region: registration.region ?? null,
    postLogoutRedirectUris: registration.post_logout_redirect_uris,
    jwks: registration.jwks ?? null,
  }
}

/** What a sys-admin sees of a client: all but its secret. */
export function presentClient(client: StoredRegistration): RegisteredClient {
  return {
    id: client.id,
    name: client.name,
    first_party: client.firstParty,
    browser: client.browser,
    auth_method: client.authMethod,
    ...(client.jwks === null ? {} : { jwks: client.jwks }),
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.postLogoutRedirectUris,
    allowed_origins: client.allowedOrigins,
    account_token: client.accountToken,
    allowed_resources: client.allowedResources,
    grant_types: client.grantTypes,
    scopes: client.scopes,
    refresh_transport: client.refreshTransport,
    id_token_alg: client.idTokenAlg,
    ...(client.region === null ? {} : { region: regionCodeSchema.parse(client.region) }),
    source: client.source,
    status: client.status,
    version: client.version,
  }
}
