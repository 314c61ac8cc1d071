// Which contract the checks read: the project's, or the file that SCHEMA names (the tests of the checks themselves).
import { fileURLToPath } from 'node:url';

export const here = fileURLToPath(new URL('.', import.meta.url));
export const schemaFile = process.env.SCHEMA ?? fileURLToPath(new URL('../../../../schema.graphqls', import.meta.url));
