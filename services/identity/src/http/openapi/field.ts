export type Field = {
  readonly text: string
  readonly example?: unknown
  /** Whoever has it can act: never shown, kept or logged. */
  readonly isSecret?: boolean
  readonly pattern?: string
}
