import { type CanActivate, Injectable, Scope, UseGuards } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  DuplicateHandlerError,
  InvalidProcessorError,
  OnWorkerEvent,
  Process,
  Processor,
  WorkerHost,
} from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { refusals } from '../support/refusal.js';
import { processor } from '../support/running.js';

const database = testDatabase({ migrated: true });
const refusalOf = refusals(database);

describe('an application does not start with', () => {
  it('two handlers for one name, in a class or in two', async () => {
    @Processor('email')
    class Twice {
      @Process('welcome')
      first(): void {}

      @Process('welcome')
      second(): void {}
    }
    const one = await refusalOf({}, { providers: [Twice] });
    expect(one).toBeInstanceOf(DuplicateHandlerError);
    expect(one.message).toMatch(/Twice\.first and Twice\.second both take jobs named 'welcome'.*give one/);
    const two = await refusalOf(
      {},
      { providers: [processor('email', () => 1, {}, 'welcome'), processor('email', () => 2, {}, 'welcome')] },
    );
    expect(two).toBeInstanceOf(DuplicateHandlerError);
    expect(two.message).toMatch(/TestProcessor\.handle.*'welcome' of queue 'email'.*give one/);
  });

  it('two catch-alls for one queue', async () => {
    @Processor('email')
    class Host extends WorkerHost {
      async process(): Promise<void> {}
    }
    const error = await refusalOf({}, { providers: [Host, processor('email', () => 1)] });
    expect(error).toBeInstanceOf(DuplicateHandlerError);
    expect(error.message).toMatch(/Host\.process and TestProcessor\.handle both take every name.*'email'/);
  });

  it('@Process() or @OnWorkerEvent() in a class that is no processor', async () => {
    @Injectable()
    class Forgotten {
      @Process('welcome')
      welcome(): void {}
    }
    @Injectable()
    class Listener {
      @OnWorkerEvent('failed')
      failed(): void {}
    }
    for (const [type, says] of [
      [Forgotten, /Forgotten\.welcome: @Process\(\).*put @Processor\('queue'\) on Forgotten/],
      [Listener, /Listener\.failed: @OnWorkerEvent\(\).*put @Processor/],
    ] as const) {
      const error = await refusalOf({}, { providers: [type] });
      expect(error).toBeInstanceOf(InvalidProcessorError);
      expect(error.message).toMatch(says);
    }
  });

  it('a processor without any handler', async () => {
    @Processor('email')
    class Empty {}
    const error = await refusalOf({}, { providers: [Empty] });
    expect(error).toBeInstanceOf(InvalidProcessorError);
    expect(error.message).toMatch(/Empty .*put @Process\(\) on a method/);
  });

  it('a transient processor, or one whose guard Nest would pass over', async () => {
    @Injectable()
    class Guard implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }
    @Injectable({ scope: Scope.TRANSIENT })
    @Processor('transient')
    class Transient {
      @Process()
      run(): void {}
    }
    @Processor('guarded')
    @UseGuards(Guard)
    class Guarded {
      @Process()
      run(): void {}
    }
    for (const [provider, says] of [
      [Transient, /^Transient is transient.*say Scope\.REQUEST/],
      [
        { provide: Guarded, useFactory: () => new Guarded() },
        /^Guarded\.run: @UseGuards\(\) has the class Guard, of which/,
      ],
    ] as const) {
      const error = await refusalOf({}, { providers: [provider] });
      expect(error).toBeInstanceOf(InvalidProcessorError);
      expect(error.message).toMatch(says);
    }
  });
});
