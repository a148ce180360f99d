// What `/openapi.json` answers: the part of OpenAPI 3.1 that this product writes. A schema is JSON Schema 2020-12.

export type JsonSchema = {
  readonly [keyword: string]: unknown
  readonly $ref?: string
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly format?: string
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  /** What each value of `enum` means. */
  readonly 'x-enumDescriptions'?: Readonly<Record<string, string>>
}

export type MediaTypes = Readonly<
  Record<
    string,
    {
      readonly schema: JsonSchema
      readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>
    }
  >
>

export type ApiParameter = {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description: string
  readonly schema: JsonSchema
}

export type ApiHeader = { readonly description: string; readonly required: boolean; readonly schema: JsonSchema }

export type ApiResponse = {
  readonly description: string
  readonly headers?: Readonly<Record<string, ApiHeader>>
  readonly content?: MediaTypes
  /** Of a redirect: what is added to the address. */
  readonly 'x-parameters'?: JsonSchema
}

export type SecurityRequirement = Readonly<Record<string, readonly string[]>>

export type ApiOperation = {
  readonly operationId: string
  readonly tags: readonly [string]
  readonly summary: string
  readonly description?: string
  readonly security: readonly SecurityRequirement[]
  readonly parameters: readonly ApiParameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: MediaTypes }
  readonly responses: Readonly<Record<string, ApiResponse>>
}

export const API_METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const
export type ApiMethod = (typeof API_METHODS)[number]

export type SecurityScheme = {
  readonly type: 'http' | 'apiKey' | 'openIdConnect'
  readonly description: string
  readonly scheme?: 'basic' | 'bearer'
  readonly bearerFormat?: string
  readonly in?: 'cookie'
  readonly name?: string
  readonly openIdConnectUrl?: string
}

export type OpenApiDocument = {
  readonly openapi: '3.1.1'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
  }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<ApiMethod, ApiOperation>>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly securitySchemes: Readonly<Record<string, SecurityScheme>>
  }
}
