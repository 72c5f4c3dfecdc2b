import { Injectable, type InjectableOptions } from '@nestjs/common';

/** What `@Injectable()` and `@Controller()` leave on a class. */
const SCOPE_METADATA = 'scope:options';

/** `@Injectable()`, which takes back no scope that another decorator of the class has said before. */
export function injectable(options?: InjectableOptions): ClassDecorator {
  return (type) => {
    if (options === undefined && Reflect.hasOwnMetadata(SCOPE_METADATA, type)) return;
    Injectable(options)(type);
  };
}
