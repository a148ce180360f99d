// A checkpoint: the head of a chain, signed with the issuer's own key. Who rewrites the database rewrites the chain
// behind it, but not what was signed, nor the log that keeps it elsewhere. Signing is handed in: keys stand to the left.
import { z } from 'zod'

/** `typ` of its JWS, so that nothing takes it for a token (RFC 8725 §3.11). */
export const CHECKPOINT_TYPE = 'audit-checkpoint+jwt'

export const checkpointClaimsSchema = z.strictObject({
  iss: z.string(),
  /** The organization's id; the nil UUID: the platform's chain. */
  chain: z.uuid(),
  seq: z.int().positive(),
  /** Of the event in that place, in hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  iat: z.int(),
})
export type CheckpointClaims = z.infer<typeof checkpointClaimsSchema>

export type SignCheckpoint = (claims: CheckpointClaims) => string

/** `unknown_key`: signed with a key that is not kept any more, or never was one of ours. */
export type OpenCheckpoint = (token: string) => CheckpointClaims | 'unknown_key' | 'forged'
