// What this authorization server says of itself: RFC 8414 §2 and OpenID Connect Discovery 1.0 §3, the same document at
// both well-known addresses. Whoever reads it must ignore what they do not know (RFC 8414 §3.2).
import { z } from 'zod'

const endpoint = z.url()
const names = z.array(z.string()).min(1)

export const serverMetadataSchema = z.strictObject({
  issuer: z.url(),
  authorization_endpoint: endpoint,
  token_endpoint: endpoint,
  end_session_endpoint: endpoint,
  authorization_challenge_endpoint: endpoint,
  revocation_endpoint: endpoint,
  introspection_endpoint: endpoint,
  userinfo_endpoint: endpoint,
  jwks_uri: endpoint,
  service_documentation: endpoint,
  scopes_supported: names,
  response_types_supported: names,
  response_modes_supported: names,
  authorization_response_iss_parameter_supported: z.boolean(),
  prompt_values_supported: names,
  acr_values_supported: names,
  claims_parameter_supported: z.boolean(),
  request_parameter_supported: z.boolean(),
  request_uri_parameter_supported: z.boolean(),
  grant_types_supported: names,
  token_endpoint_auth_methods_supported: names,
  token_endpoint_auth_signing_alg_values_supported: names,
  revocation_endpoint_auth_methods_supported: names,
  revocation_endpoint_auth_signing_alg_values_supported: names,
  introspection_endpoint_auth_methods_supported: names,
  introspection_endpoint_auth_signing_alg_values_supported: names,
  code_challenge_methods_supported: names,
  subject_types_supported: names,
  id_token_signing_alg_values_supported: names,
  claims_supported: names,
})
export type ServerMetadata = z.infer<typeof serverMetadataSchema>
