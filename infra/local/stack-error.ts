/** What keeps the stack from running; the message is for the person who typed the command, and says what to do. */
export class StackError extends Error {
  override readonly name = 'StackError'
}
