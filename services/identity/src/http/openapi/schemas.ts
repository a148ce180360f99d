// The names of the wire schemas in `components.schemas`, and their JSON Schema, made by zod. A request is described as it
// is sent (before defaults and normalizing), an answer as it arrives; what is in both must look the same in both.
import {
  authorizationRequestSchema,
  authorizationResponseSchema,
  logoutRequestSchema,
} from '@meridian/protocol/authorization-request'
import {
  clientPageSchema,
  clientRegistrationSchema,
  clientSecretSchema,
  createdClientSchema,
  originSchema,
  registeredClientSchema,
} from '@meridian/protocol/clients'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import {
  emailChangeConfirmationSchema,
  emailChangedSchema,
  emailChangeRequestSchema,
  emailChangeStartedSchema,
} from '@meridian/protocol/email-change'
import { hostMapSchema } from '@meridian/protocol/hosts'
import { orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { introspectionSchema } from '@meridian/protocol/introspection'
import {
  ecPublicJwkSchema,
  heldKeysSchema,
  issuerJwksSchema,
  jwksSchema,
  rsaPublicJwkSchema,
} from '@meridian/protocol/jwks'
import { contextChoiceSchema, contextListSchema, contextSchema, meSchema } from '@meridian/protocol/me'
import { serverMetadataSchema } from '@meridian/protocol/metadata'
import {
  challengeAnsweredSchema,
  challengeStartedSchema,
  contextRefSchema,
  grantTypeSchema,
  oauthErrorSchema,
  tokenResponseSchema,
} from '@meridian/protocol/oauth'
import {
  challengeAnswerSchema,
  challengeStartSchema,
  introspectionRequestSchema,
  revocationRequestSchema,
  tokenRequestSchema,
  userInfoRequestSchema,
} from '@meridian/protocol/oauth-requests'
import type { JsonSchema } from '@meridian/protocol/openapi'
import { orgCreateSchema, orgSchema } from '@meridian/protocol/orgs'
import { problemSchema } from '@meridian/protocol/problem'
import { redirectUriSchema } from '@meridian/protocol/redirect-uri'
import { permissionSchema, roleSchema } from '@meridian/protocol/roles'
import {
  sessionListSchema,
  sessionRevocationSchema,
  sessionSchema,
  sessionsRevokedSchema,
} from '@meridian/protocol/sessions'
import { userInfoSchema } from '@meridian/protocol/user-info'
import { z } from 'zod'
import { annotate } from './annotate.ts'

/** All ids are one schema: zod's brands exist for the compiler alone. */
const BOTH = {
  Id: orgIdSchema,
  RegionCode: regionCodeSchema,
  Slug: orgSlugSchema,
  Role: roleSchema,
  Permission: permissionSchema,
  GrantType: grantTypeSchema,
  Jwks: jwksSchema,
  EcPublicJwk: ecPublicJwkSchema,
  RsaPublicJwk: rsaPublicJwkSchema,
}

const [authorizationCodeGrant, refreshTokenGrant, tokenExchangeGrant, clientCredentialsGrant] =
  tokenRequestSchema.options

/** By grant type, for the examples. */
export const GRANTS = { authorizationCodeGrant, refreshTokenGrant, tokenExchangeGrant, clientCredentialsGrant } as const

/** Either call of the challenge endpoint; `otp` tells them apart. */
export const challengeRequestSchema = z.union([challengeStartSchema, challengeAnswerSchema])

const REQUESTS = {
  AuthorizationRequest: authorizationRequestSchema,
  LogoutRequest: logoutRequestSchema,
  ChallengeStart: challengeStartSchema,
  ChallengeAnswer: challengeAnswerSchema,
  ChallengeRequest: challengeRequestSchema,
  AuthorizationCodeGrant: authorizationCodeGrant,
  RefreshTokenGrant: refreshTokenGrant,
  TokenExchangeGrant: tokenExchangeGrant,
  ClientCredentialsGrant: clientCredentialsGrant,
  TokenRequest: tokenRequestSchema,
  RevocationRequest: revocationRequestSchema,
  IntrospectionRequest: introspectionRequestSchema,
  UserInfoRequest: userInfoRequestSchema,
  ContextChoice: contextChoiceSchema,
  SessionRevocation: sessionRevocationSchema,
  EmailChangeRequest: emailChangeRequestSchema,
  EmailChangeConfirmation: emailChangeConfirmationSchema,
  OrgCreate: orgCreateSchema,
  ClientRegistration: clientRegistrationSchema,
  HeldKeys: heldKeysSchema,
}

const ANSWERS = {
  AuthorizationResponse: authorizationResponseSchema,
  ChallengeStarted: challengeStartedSchema,
  ChallengeAnswered: challengeAnsweredSchema,
  TokenResponse: tokenResponseSchema,
  ContextRef: contextRefSchema,
  Introspection: introspectionSchema,
  UserInfo: userInfoSchema,
  ServerMetadata: serverMetadataSchema,
  IssuerJwks: issuerJwksSchema,
  OAuthError: oauthErrorSchema,
  Me: meSchema,
  Context: contextSchema,
  ContextList: contextListSchema,
  Session: sessionSchema,
  SessionList: sessionListSchema,
  SessionsRevoked: sessionsRevokedSchema,
  EmailChangeStarted: emailChangeStartedSchema,
  EmailChanged: emailChangedSchema,
  Org: orgSchema,
  RegisteredClient: registeredClientSchema,
  CreatedClient: createdClientSchema,
  ClientSecret: clientSecretSchema,
  ClientPage: clientPageSchema,
  HostMap: hostMapSchema,
  Problem: problemSchema,
}

const NAMES = new Map<z.ZodType, string>(
  Object.entries({ ...BOTH, ...REQUESTS, ...ANSWERS }).map(([name, schema]) => [schema, name]),
)

export function componentRef(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` }
}

/** A schema that crosses the wire has a name; throws where it has none yet. */
export function refTo(schema: z.ZodType): JsonSchema {
  const name = findName(schema)
  if (name === undefined) throw new Error('a schema of an operation has no name in http/openapi/schemas.ts')
  return componentRef(name)
}

export function findName(schema: z.ZodType): string | undefined {
  return NAMES.get(schema)
}

/** For generators of clients, by the value of `grant_type`. */
const GRANT_REFS = Object.fromEntries(
  tokenRequestSchema.options.map((grant) => [grant.shape.grant_type.value, refTo(grant).$ref]),
)

export type Components = Readonly<Record<string, JsonSchema>>

export function buildComponents(): Components {
  const requests = toJsonSchemas({ ...BOTH, ...REQUESTS }, 'input')
  const answers = toJsonSchemas({ ...BOTH, ...ANSWERS }, 'output')
  for (const name of Object.keys(BOTH)) {
    if (JSON.stringify(requests[name]) !== JSON.stringify(answers[name]))
      throw new Error(`${name} is not the same in requests and in answers`)
  }
  const components: Record<string, JsonSchema> = { ...requests, ...answers }
  components['TokenRequest'] = {
    ...components['TokenRequest'],
    discriminator: { propertyName: 'grant_type', mapping: GRANT_REFS },
  }
  return Object.fromEntries(
    Object.keys(components)
      .sort()
      .map((name) => [name, annotate(components[name] ?? {}, [name])]),
  )
}

function toJsonSchemas(
  schemas: Readonly<Record<string, z.ZodType>>,
  io: 'input' | 'output',
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}`, override: mend })
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema as JsonSchema]),
  )
}

/** What zod cannot know of a check that is a function, and what says less than it is long. */
function mend({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  if (zodSchema === emailAddressSchema || jsonSchema.format === 'email') jsonSchema.format = 'idn-email'
  if (zodSchema === redirectUriSchema || zodSchema === originSchema) jsonSchema.format = 'uri'
  if (jsonSchema.format === 'date-time' || jsonSchema.format === 'idn-email') delete jsonSchema.pattern
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}
