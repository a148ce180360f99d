import type { SecurityRequirement, SecurityScheme } from '@meridian/protocol/openapi'
import { hostCookieName } from '../browser-cookie.ts'
import type { Caller } from './operation.ts'

const REQUIREMENTS: Readonly<Record<Caller, readonly SecurityRequirement[]>> = {
  anybody: [],
  person: [{ accountToken: [] }],
  clientItself: [{ clientToken: [] }],
  client: [{ clientSecretBasic: [] }, { clientSecretPost: [] }, { privateKeyJwt: [] }, {}],
  clientOrCookie: [
    ...[{ clientSecretBasic: [] }, { clientSecretPost: [] }, { privateKeyJwt: [] }],
    ...[{ refreshCookie: [] }, {}],
  ],
  confidentialClient: [{ clientSecretBasic: [] }, { clientSecretPost: [] }, { privateKeyJwt: [] }],
  browser: [{ signOnCookie: [] }, {}],
}

export function requirementsOf(caller: Caller): readonly SecurityRequirement[] {
  return REQUIREMENTS[caller]
}

/** OpenAPI has no type for client authentication in the form; the metadata that these two point to names them. */
export function securitySchemesOf(issuer: string): Readonly<Record<string, SecurityScheme>> {
  const openIdConnectUrl = `${issuer}/.well-known/openid-configuration`
  return {
    accountToken: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'An account token: an access token of a person whose audience is this service.',
    },
    clientToken: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'A client’s own access token, from the grant `client_credentials`.',
    },
    clientSecretBasic: {
      type: 'http',
      scheme: 'basic',
      description: '`client_secret_basic`: client id and secret, each form-encoded (RFC 6749 §2.3.1).',
    },
    clientSecretPost: {
      type: 'openIdConnect',
      openIdConnectUrl,
      description: '`client_secret_post`: `client_id` and `client_secret` in the form.',
    },
    privateKeyJwt: {
      type: 'openIdConnect',
      openIdConnectUrl,
      description:
        '`private_key_jwt` (RFC 7523 §2.2): `client_assertion` in the form is a JWT that the client signed with ES256 or RS256; its `aud` is the issuer or the endpoint. Each is good once.',
    },
    refreshCookie: {
      type: 'apiKey',
      in: 'cookie',
      name: '__Host-meridian-refresh-0-00000000',
      description:
        'Of browser clients with cookie transport: HttpOnly, SameSite=Strict, in two names that take turns (`0`, `1`) and end in eight hexadecimal digits of SHA-256 over issuer and client. Needs Origin, X-Meridian-Request and Idempotency-Key.',
    },
    signOnCookie: {
      type: 'apiKey',
      in: 'cookie',
      name: hostCookieName(issuer, 'sign-on'),
      description: 'The browser’s sign-in at the hosted pages: HttpOnly, SameSite=Lax.',
    },
  }
}
