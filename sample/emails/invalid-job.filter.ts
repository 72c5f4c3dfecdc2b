import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { InvalidJobError } from '../../lib/index.js';

interface Response {
  status(code: number): { json(body: object): void };
}

/** What add() refuses, such as a delay of "soon", is the caller's mistake here. */
@Catch(InvalidJobError)
export class InvalidJobFilter implements ExceptionFilter<InvalidJobError> {
  catch({ path, message }: InvalidJobError, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Response>().status(400).json({ statusCode: 400, path, message });
  }
}
