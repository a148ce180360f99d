// Every text that a person reads on these pages. Another language is another value of this type, entered in LANGUAGES.
import { type Html, html } from './html.ts'

export type ErrorPageCode =
  | 'unknown_client'
  | 'bad_redirect_uri'
  | 'bad_request'
  | 'wrong_browser'
  | 'expired'
  | 'bad_logout_request'
  | 'too_many_requests'
  | 'unavailable'
  | 'internal'
  | 'not_found'

/** One text for each plural form of the language; # stands for the number. */
export type Counted = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string }

/** What happened, what to do about it, and a line for whoever wrote the application. */
type ErrorText = {
  readonly title: string
  readonly happened: string
  readonly advice: string
  readonly technical: string
}

export type Texts = {
  /** BCP 47 */
  readonly language: string
  readonly frame: {
    readonly errorPrefix: string
    readonly with: (product: Html) => Html
    readonly email: string
    readonly cancel: (client: string) => string
    readonly otherAccount: string
    readonly signedInAs: (email: Html) => Html
  }
  readonly address: {
    readonly title: string
    readonly lead: (client: Html) => Html
    readonly send: string
    readonly notAnAddress: string
    readonly tooMany: string
    readonly noPassword: string
  }
  readonly code: {
    readonly title: string
    readonly sentTo: (email: Html) => Html
    readonly validFor: Counted
    readonly spam: string
    readonly label: string
    readonly check: string
    readonly wrongCode: string
    readonly resend: string
    readonly resendWait: Counted
    readonly resendReady: string
    readonly otherAddress: string
  }
  readonly account: {
    readonly title: string
    readonly lead: (client: Html) => Html
    readonly continueAs: (name: Html) => Html
    readonly other: string
  }
  readonly context: {
    readonly title: string
    readonly lead: (client: Html) => Html
    readonly filter: string
    readonly shown: Counted
    readonly shownNone: string
    readonly roles: Readonly<Record<string, string>>
    readonly unavailable: string
    readonly noneAvailable: string
    readonly later: string
  }
  readonly invitations: {
    readonly title: string
    readonly lead: string
    readonly as: (role: Html, region: Html) => Html
    readonly accept: string
    readonly decline: string
    readonly later: string
    readonly errors: Readonly<Record<'gone' | 'last_manager', string>>
  }
  readonly invited: { readonly title: string; readonly lead: string; readonly advice: string }
  readonly noMembership: {
    readonly title: string
    readonly lead: (email: Html) => Html
    readonly advice: string
    readonly goOn: (client: string) => string
  }
  readonly noAccess: {
    readonly title: string
    readonly lead: (email: Html, client: Html) => Html
    readonly advice: string
  }
  readonly signOut: {
    readonly title: string
    readonly lead: (email: Html) => Html
    readonly leadNobody: string
    readonly asked: (client: Html) => Html
    readonly thisBrowser: string
    readonly everywhere: string
    readonly everywhereMeans: string
    readonly stay: string
    readonly stayHow: string
  }
  readonly signedOut: {
    readonly title: string
    readonly lead: string
    readonly advice: string
    readonly back: (client: string) => string
    readonly backUnnamed: string
  }
  readonly formPost: { readonly title: string; readonly lead: string; readonly goOn: string }
  readonly error: {
    readonly pages: Readonly<Record<ErrorPageCode, ErrorText>>
    readonly retry: string
    readonly developers: string
    readonly request: string
  }
  readonly stop: {
    readonly title: string
    readonly lead: string
    readonly send: string
    readonly confirm: string
    readonly codeLead: (email: Html) => Html
    readonly wrongCode: string
    readonly outcomes: Readonly<
      Record<'stopped' | 'undone' | 'nothing', { title: string; lead: string; advice: string }>
    >
  }
}

export const ENGLISH = {
  language: 'en',
  frame: {
    errorPrefix: 'Error: ',
    with: (product) => html`with ${product}`,
    email: 'Email address',
    cancel: (client) => `Cancel and go back to ${client}`,
    otherAccount: 'Use another account',
    signedInAs: (email) => html`Signed in as ${email}`,
  },
  address: {
    title: 'Sign in',
    lead: (client) => html`to go on to ${client}`,
    send: 'Send me a code',
    notAnAddress: 'This is not a complete email address. It looks like name@example.com.',
    tooMany: 'Too many codes were asked for from here. Wait a few minutes, then try again.',
    noPassword: 'There is no password. We mail you a code that works once.',
  },
  code: {
    title: 'Enter your code',
    sentTo: (email) => html`If ${email} is known here, a code of six digits is on its way to it.`,
    validFor: { one: 'The code is valid for # minute.', other: 'The code is valid for # minutes.' },
    spam: 'Nothing there? Look in the spam folder too.',
    label: 'Code from the mail',
    check: 'Sign in',
    wrongCode: 'That is not the code, or it no longer works. Take the newest mail, or ask for another code.',
    resend: 'Send another code',
    resendWait: {
      one: 'You can ask for another code in # second.',
      other: 'You can ask for another code in # seconds.',
    },
    resendReady: 'You can ask for another code now.',
    otherAddress: 'Use another address',
  },
  account: {
    title: 'Welcome back',
    lead: (client) => html`Choose how to go on to ${client}.`,
    continueAs: (name) => html`Continue as ${name}`,
    other: 'Use another account',
  },
  context: {
    title: 'Where will you work?',
    lead: (client) => html`You can change this in ${client} at any time.`,
    filter: 'Filter by organization, region or role',
    shown: { one: '# place is shown.', other: '# places are shown.' },
    shownNone: 'Nothing fits.',
    roles: { manager: 'Manager', member: 'Member', viewer: 'Viewer' },
    unavailable: 'Region temporarily unavailable',
    noneAvailable: 'None of these regions can be reached just now. Try again in a minute.',
    later: 'Decide later',
  },
  invitations: {
    title: 'You are invited',
    lead: 'Somebody who runs an organization wants you in it. Say yes only to those you know.',
    as: (role, region) => html`${role} in ${region}`,
    accept: 'Yes, join',
    decline: 'No, decline',
    later: 'Decide later',
    errors: {
      gone: 'That invitation is no longer valid. If you still want to join, ask for another one.',
      last_manager: 'Nobody else manages that organization: it needs another manager before you can become less.',
    },
  },
  invited: {
    title: 'Your invitation waits for you',
    lead: 'Open the application that you use with the organization, and sign in with the address that got our mail.',
    advice:
      'We mail a code to that address when you ask for one. Once you are signed in, you see who invites you and say yes or no. If you do not know them, do nothing.',
  },
  noMembership: {
    title: 'You belong to no organization yet',
    lead: (email) => html`You are signed in as ${email}, but no organization has let that address in.`,
    advice: 'Ask your manager for an invitation to this address. If you were invited at another address, use that one.',
    goOn: (client) => `Continue to ${client} anyway`,
  },
  noAccess: {
    title: 'Not open to this account',
    lead: (email, client) =>
      html`You are signed in as ${email}. What ${client} asked for is not available to this account.`,
    advice: 'Use the account that has access, or ask a manager of your organization.',
  },
  signOut: {
    title: 'Sign out?',
    lead: (email) => html`You are signed in as ${email}.`,
    leadNobody: 'You are signed in on this browser.',
    asked: (client) => html`${client} asks to sign you out.`,
    thisBrowser: 'Sign out on this browser',
    everywhere: 'Sign out everywhere',
    everywhereMeans: 'Everywhere means each browser and device on which you are signed in.',
    stay: 'Stay signed in',
    stayHow: 'To stay signed in, just close this page.',
  },
  signedOut: {
    title: 'You are signed out',
    lead: 'Nobody can go on with your account on this browser.',
    advice: 'On a computer that others use too, close the browser as well.',
    back: (client) => `Back to ${client}`,
    backUnnamed: 'Back to the application',
  },
  formPost: {
    title: 'One moment',
    lead: 'You are signed in, and on your way back to the application.',
    goOn: 'Continue',
  },
  error: {
    pages: {
      unknown_client: {
        title: 'We do not know this application',
        happened: 'The page that sent you here is not registered with us, so nobody was signed in.',
        advice: 'Go back and open the application from your bookmarks. If it goes on, tell its makers.',
        technical: 'client_id names no client that is registered here.',
      },
      bad_redirect_uri: {
        title: 'This sign-in cannot be finished safely',
        happened:
          'The application wants you sent to an address that it did not register with us. We do not send anyone there.',
        advice: 'Open the application from your bookmarks. If it goes on, tell its makers.',
        technical: 'redirect_uri is missing, or is none of those registered for this client (compared as text).',
      },
      bad_request: {
        title: 'Something is missing from this request',
        happened: 'We could not read what was asked, so nothing was done.',
        advice: 'Go back to the application and start again.',
        technical: 'A required parameter is absent, given twice or malformed.',
      },
      wrong_browser: {
        title: 'Go on where you started',
        happened: 'This sign-in was begun in another browser or window, or this browser keeps no cookies for us.',
        advice: 'Go back to the window in which you began, or start again here with cookies allowed.',
        technical: 'The cookie that binds this flow to its browser is absent or belongs to another one.',
      },
      expired: {
        title: 'This took too long',
        happened: 'For your safety a sign-in stays open only for a short time, and this one is over.',
        advice: 'Start again: it takes a moment.',
        technical: 'The flow has expired or was finished already.',
      },
      bad_logout_request: {
        title: 'We could not sign you out that way',
        happened: 'The application asked for it in a way that we could not check, so nothing was changed.',
        advice: 'Use the sign-out of the application again. On a shared computer, close the browser too.',
        technical: 'id_token_hint, client_id or post_logout_redirect_uri is not valid for this client.',
      },
      too_many_requests: {
        title: 'A little slower, please',
        happened: 'There were too many requests from where you are.',
        advice: 'Wait a minute, then try again.',
        technical: 'A rate limit was reached; Retry-After tells when it ends.',
      },
      unavailable: {
        title: 'We will be back in a moment',
        happened: 'Signing in is not possible just now. It is our fault, not yours.',
        advice: 'Try again in a minute. Where you are signed in already, you can go on working.',
        technical: 'A part that the service depends on does not answer.',
      },
      internal: {
        title: 'Something went wrong here',
        happened: 'It is our fault, not yours, and it has been noted.',
        advice: 'Try again. If it goes on, tell your support the request number below.',
        technical: 'An unexpected error; the log has it under the request number.',
      },
      not_found: {
        title: 'There is nothing here',
        happened: 'The address has a slip in it, or the page is gone.',
        advice: 'Go back, or open the application from your bookmarks.',
        technical: 'No route answers this method and path.',
      },
    },
    retry: 'Try again',
    developers: 'For developers',
    request: 'Request',
  },
  stop: {
    title: 'Stop a change of address',
    lead: 'Did we write to you that the email address of your account is changing, and it was not you? Enter the address that got our mail. We send it a code, so that only its owner can stop the change.',
    send: 'Send me a code',
    confirm: 'Stop the change',
    codeLead: (email) => html`If there is a change to stop for ${email}, a code of six digits is on its way to it.`,
    wrongCode: 'That is not the code, or it no longer works. Take the newest mail, or ask for another code.',
    outcomes: {
      stopped: {
        title: 'The change is stopped',
        lead: 'Your account keeps its address.',
        advice: 'Someone with access to your account asked for it. Sign out everywhere, and tell your administrator.',
      },
      undone: {
        title: 'The change is undone',
        lead: 'Your account has its old address again, and was signed out everywhere.',
        advice: 'Sign in again with this address, and tell your administrator what happened.',
      },
      nothing: {
        title: 'There is nothing to stop',
        lead: 'No change of address is open for this account, and none was made lately.',
        advice: 'If you cannot sign in with your address, tell your administrator.',
      },
    },
  },
} satisfies Texts

const LANGUAGES: ReadonlyMap<string, Texts> = new Map([['en', ENGLISH]])

/** The texts of a language tag or of the language that it begins with, else the English ones. */
export function textsFor(language: string | undefined): Texts {
  const tag = language?.toLowerCase() ?? ''
  return LANGUAGES.get(tag) ?? LANGUAGES.get(tag.split('-')[0] ?? '') ?? ENGLISH
}

export function count(texts: Texts, counted: Counted, number: number): string {
  const form = new Intl.PluralRules(texts.language).select(number)
  return (counted[form] ?? counted.other).replace('#', String(number))
}
