// The mails about an account as a whole, and about who administers the platform.
import { layOut } from './layout.ts'
import type { OutboxMail, RenderedMail } from './message.ts'

export type AccountMail = Extract<OutboxMail, { kind: `account_${string}` | `sys_admin_${string}` }>

type Words = { readonly subject: string; readonly heading: string; readonly paragraphs: readonly string[] }

export function renderAccountMail(mail: AccountMail, productName: string): RenderedMail {
  return layOut({ to: mail.to, ...wordsOf(mail, productName) })
}

function wordsOf(mail: AccountMail, productName: string): Words {
  switch (mail.kind) {
    case 'account_deleted':
      return {
        subject: `Your ${productName} account was deleted`,
        heading: 'Your account was deleted',
        paragraphs: [
          `Your ${productName} account was deleted by somebody who had signed in to it with a code from this mailbox a moment before. It cannot be brought back.`,
          'You were signed out everywhere, and you belong to no organization any more. What is held about you in the regions is being erased there.',
          'If that was not you, somebody else reads your mail: secure your mailbox, and tell your administrator.',
        ],
      }
    case 'account_exported':
      return {
        subject: `The data of your ${productName} account was handed out`,
        heading: 'Your data was handed out',
        paragraphs: [
          `Somebody who is signed in to your ${productName} account took a copy of everything that is held about it.`,
          'If that was you, there is nothing to do. If it was not, end your other sign-ins and tell your administrator.',
        ],
      }
    case 'account_locked':
      return {
        subject: `Your ${productName} account is locked`,
        heading: 'Your account is locked',
        paragraphs: [
          `A system administrator of ${productName} has locked your account. You were signed out everywhere, and cannot sign in.`,
          'Nothing was deleted. If you do not know why, ask your administrator.',
        ],
      }
    case 'account_unlocked':
      return {
        subject: `Your ${productName} account is open again`,
        heading: 'Your account is open again',
        paragraphs: [
          `A system administrator of ${productName} has unlocked your account.`,
          'You can sign in as before.',
        ],
      }
    case 'sys_admin_appointed':
      return {
        subject: `A system administrator of ${productName} was appointed`,
        heading: 'A system administrator was appointed',
        paragraphs: [
          `This account is a system administrator of ${productName} now: ${mail.who}`,
          'Every system administrator gets this mail. If you do not recognize what happened, look at the audit events at once.',
        ],
      }
    case 'sys_admin_dismissed':
      return {
        subject: `A system administrator of ${productName} was dismissed`,
        heading: 'A system administrator was dismissed',
        paragraphs: [
          `This account is no system administrator of ${productName} any more: ${mail.who}`,
          'Every system administrator gets this mail. If you do not recognize what happened, look at the audit events at once.',
        ],
      }
  }
}
