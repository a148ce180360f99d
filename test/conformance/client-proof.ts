// How a client proves itself at the token endpoint: RFC 6749 §2.3.1, §3.2.1; RFC 7523 §2.2.
import { type JWTPayload, SignJWT } from 'jose'
import { base64url, demand, type Metadata, type Sent } from './protocol-rules.ts'
import type { RegisteredClient } from './registered-clients.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** The form with what proves the client, and the headers that go with it. */
export async function proveClient(
  metadata: Metadata,
  client: RegisteredClient,
  nowSeconds: number,
  form: Readonly<Record<string, string>>,
): Promise<Required<Pick<Sent, 'form' | 'headers'>>> {
  const { proof } = client
  switch (proof.method) {
    case 'none':
      return { headers: {}, form: { client_id: client.id, ...form } }
    case 'client_secret_post':
      return { headers: {}, form: { client_id: client.id, client_secret: proof.secret, ...form } }
    case 'client_secret_basic': {
      const encode = (text: string) => new URLSearchParams({ v: text }).toString().slice(2)
      const credentials = Buffer.from(`${encode(client.id)}:${encode(proof.secret)}`).toString('base64')
      return { headers: { authorization: `Basic ${credentials}` }, form }
    }
    case 'private_key_jwt': {
      const assertion = await signAssertion(client, { aud: metadata['issuer'] }, nowSeconds)
      return { headers: {}, form: { ...assertionForm(assertion), ...form } }
    }
  }
}

export const assertionForm = (assertion: string) => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion: assertion,
})

/** A good assertion but for what is given; undefined removes. */
export async function signAssertion(client: RegisteredClient, claims: JWTPayload, nowSeconds: number): Promise<string> {
  const { proof, id } = client
  demand(proof.method === 'private_key_jwt', 'a client with a key')
  const good = { iss: id, sub: id, jti: base64url(16), iat: nowSeconds, exp: nowSeconds + 60 }
  return new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg: 'ES256', kid: proof.kid }).sign(proof.privateKey)
}
