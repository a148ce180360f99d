// The rules that need types; Biome does the rest. tap's own `t.test()` is a thenable nobody awaits, so tests stay out.
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['**/generated/**'] },
  {
    files: ['services/**/*.ts', 'packages/**/*.ts'],
    languageOptions: {
      parser: ts.parser,
      parserOptions: { projectService: true, tsconfigRootDir: process.cwd() },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { '@typescript-eslint': ts.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-for-in-array': 'error',
    },
  },
)
