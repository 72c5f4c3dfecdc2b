import { Controller, Inject, Injectable, Module, Scope, type Provider, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { ProcessorExplorer } from '../../lib/discovery/processor.explorer.js';
import {
  DuplicateHandlerError,
  InvalidOptionsError,
  InvalidProcessorError,
  OnWorkerEvent,
  Process,
  Processor,
  WorkerHost,
  type ActiveJob,
  type WorkerOptions,
} from '../../lib/index.js';
import type { JobRun } from '../../lib/runtime/job-run.js';
import type { ProcessorDefinition } from '../../lib/runtime/processor-definition.js';
import { exploring } from '../support/exploring.js';

const JOB = {} as ActiveJob;
const RUN = {} as JobRun;

interface Setup {
  controllers?: Type[];
  imports?: Type[];
  worker?: WorkerOptions;
  processors?: Record<string, WorkerOptions>;
}

async function explore(providers: Provider[], setup: Setup = {}): Promise<ProcessorDefinition[]> {
  const { controllers = [], imports = [], worker = {}, processors = {} } = setup;
  const module = await exploring({ providers, controllers, imports, options: { worker, processors } });
  return module.get(ProcessorExplorer).explore();
}

@Processor('email', { concurrency: 5 })
class EmailProcessor {
  @Process('welcome')
  welcome(): string {
    return `welcome of ${this.constructor.name}`;
  }

  @Process({ name: 'reset', timeout: '1s' })
  @Process('remind')
  reset(): string {
    return 'reset';
  }

  @Process()
  other(): string {
    return 'other';
  }

  @OnWorkerEvent('completed')
  @OnWorkerEvent('failed')
  done(): void {}

  @OnWorkerEvent('failed')
  failed(): void {}
}

describe('a processor', () => {
  it('is found with its handlers, which run on the instance', async () => {
    const [email, ...rest] = await explore([EmailProcessor]);
    expect(rest).toStrictEqual([]);
    expect(email).toMatchObject({ label: 'EmailProcessor', queue: 'email' });
    expect([...email!.handlers.keys()].toSorted()).toStrictEqual(['remind', 'reset', 'welcome']);
    expect(email!.handlers.get('welcome')!.run(JOB, RUN)).toBe('welcome of EmailProcessor');
    expect(email!.handlers.get('welcome')!.label).toBe('EmailProcessor.welcome');
    expect(email!.handlers.get('reset')!.timeout).toBe(1000);
    expect(email!.handlers.get('remind')!.timeout).toBeUndefined();
    expect(email!.catchAll!.run(JOB, RUN)).toBe('other');
  });

  it('hears the events of its methods, stacked ones included', async () => {
    const [email] = await explore([EmailProcessor]);
    const { active, completed, failed, error } = email!.listeners;
    expect([active, completed, failed, error].map((listeners) => listeners.length)).toStrictEqual([0, 1, 2, 0]);
  });

  it('takes the configured options over its literals over the module', async () => {
    const worker = { concurrency: 1, pollInterval: 7, shutdownTimeout: 1 };
    const processors = { email: { shutdownTimeout: 3 }, unknown: { concurrency: 9 } };
    const [email] = await explore([EmailProcessor], { worker, processors });
    expect(email!.options).toMatchObject({ concurrency: 5, pollInterval: 7, shutdownTimeout: 3 });
  });

  it.each<[string, Provider]>([
    ['useFactory', { provide: 'x', useFactory: () => new EmailProcessor() }],
    ['an async useFactory', { provide: 'x', useFactory: async () => new EmailProcessor() }],
    ['useValue', { provide: 'x', useValue: new EmailProcessor() }],
    ['useClass under another token', { provide: 'x', useClass: EmailProcessor }],
  ])('is found when it is provided by %s', async (_how, provider) => {
    expect(await explore([provider])).toHaveLength(1);
  });

  it('is one processor when two modules provide it, or an alias names it', async () => {
    @Module({ providers: [EmailProcessor] })
    class OtherModule {}
    const alias = { provide: 'alias', useExisting: EmailProcessor };
    expect(await explore([EmailProcessor, alias], { imports: [OtherModule] })).toHaveLength(1);
  });

  it('may be a controller', async () => {
    @Controller()
    @Processor('web')
    class WebProcessor {
      @Process('x')
      x(): void {}
    }
    expect(await explore([], { controllers: [WebProcessor] })).toHaveLength(1);
  });

  it('gets its constructor dependencies without @Injectable()', async () => {
    @Injectable()
    class Mailer {}
    @Processor({ name: 'mail' })
    class MailProcessor {
      constructor(@Inject(Mailer) readonly mailer: Mailer) {}
      @Process('x')
      x(): unknown {
        return this.mailer;
      }
    }
    const [mail] = await explore([Mailer, MailProcessor]);
    expect(mail!.queue).toBe('mail');
    expect(mail!.handlers.get('x')!.run(JOB, RUN)).toBeInstanceOf(Mailer);
  });

  it('inherits methods, and the decoration of its parent unless it has its own', async () => {
    class Child extends EmailProcessor {
      override other(): string {
        return 'overridden without @Process()';
      }
    }
    @Processor('sms')
    class Sms extends EmailProcessor {}
    const definitions = await explore([Child, Sms]);
    expect(definitions.map(({ label, queue }) => [label, queue])).toStrictEqual([
      ['Child', 'email'],
      ['Sms', 'sms'],
    ]);
    expect(definitions[0]!.handlers.get('welcome')!.run(JOB, RUN)).toBe('welcome of Child');
    expect(definitions[0]!.catchAll).toBeUndefined();
  });

  it('extending WorkerHost takes every name', async () => {
    @Processor('bull')
    class BullProcessor extends WorkerHost {
      async process(): Promise<string> {
        return 'processed';
      }
    }
    const [bull] = await explore([BullProcessor]);
    expect(bull!.handlers.size).toBe(0);
    expect(bull!.catchAll!.label).toBe('BullProcessor.process');
    await expect(bull!.catchAll!.run(JOB, RUN)).resolves.toBe('processed');
  });

  it('shares its queue with another that takes other names', async () => {
    @Processor('email')
    class Second {
      @Process('second')
      second(): void {}
    }
    expect(await explore([EmailProcessor, Second])).toHaveLength(2);
  });

  it('leaves values alone that are no classes', async () => {
    const values = [null, 5, 'x', {}, Object.create(null), () => 1].map((useValue, i) => ({
      provide: `v${i}`,
      useValue,
    }));
    expect(await explore(values)).toStrictEqual([]);
  });
});

describe('refused at startup', () => {
  it('two methods of a class for one name', async () => {
    @Processor('q')
    class Twice {
      @Process('a')
      one(): void {}
      @Process('a')
      two(): void {}
    }
    await expect(explore([Twice])).rejects.toThrow(DuplicateHandlerError);
    await expect(explore([Twice])).rejects.toThrow(/Twice\.one and Twice\.two both take jobs named 'a'/);
  });

  it('two catch-alls in a class', async () => {
    @Processor('q')
    class Twice {
      @Process()
      one(): void {}
      @Process('*')
      two(): void {}
    }
    await expect(explore([Twice])).rejects.toThrow(DuplicateHandlerError);
  });

  it('two classes for one name of a queue', async () => {
    @Processor('email')
    class Rival {
      @Process('welcome')
      hello(): void {}
    }
    await expect(explore([EmailProcessor, Rival])).rejects.toThrow(DuplicateHandlerError);
    await expect(explore([EmailProcessor, Rival])).rejects.toThrow(
      /EmailProcessor\.welcome and Rival\.hello both take jobs named 'welcome' of queue 'email'/,
    );
  });

  it('two catch-alls for one queue, WorkerHost.process() being one', async () => {
    @Processor('email')
    class Rival extends WorkerHost {
      async process(): Promise<void> {}
    }
    await expect(explore([EmailProcessor, Rival])).rejects.toThrow(
      /EmailProcessor\.other and Rival\.process both take every name/,
    );
  });

  it('a parent and its child that inherits its handlers', async () => {
    class Child extends EmailProcessor {}
    await expect(explore([EmailProcessor, Child])).rejects.toThrow(DuplicateHandlerError);
  });

  it.each([['a provider'], ['a controller']])('@Process() in %s that is no processor', async (kind) => {
    class Stray {
      @Process('x')
      handle(): void {}
    }
    Controller()(Stray);
    const attempt = kind === 'a provider' ? explore([Stray]) : explore([], { controllers: [Stray] });
    await expect(attempt).rejects.toThrow(InvalidProcessorError);
    await expect(attempt).rejects.toThrow(/Stray\.handle: @Process\(\).*put @Processor\('queue'\) on Stray/);
  });

  it('@OnWorkerEvent() in a class that is no processor', async () => {
    class Stray {
      @OnWorkerEvent('active')
      handle(): void {}
    }
    await expect(explore([Stray])).rejects.toThrow(/Stray\.handle: @OnWorkerEvent\(\)/);
  });

  it('a WorkerHost that is no processor', async () => {
    class Stray extends WorkerHost {
      async process(): Promise<void> {}
    }
    await expect(explore([Stray])).rejects.toThrow(/Stray extends WorkerHost and is no processor/);
  });

  it('a processor without any handler', async () => {
    @Processor('q')
    class Empty {
      process(): void {}
    }
    await expect(explore([Empty])).rejects.toThrow(InvalidProcessorError);
    await expect(explore([Empty])).rejects.toThrow(/Empty is a @Processor\(\) without any handler/);
  });

  it('@Process() together with WorkerHost', async () => {
    @Processor('q')
    class Both extends WorkerHost {
      async process(): Promise<void> {}
      @Process('x')
      x(): void {}
    }
    await expect(explore([Both])).rejects.toThrow(/Both\.x: @Process\(\) in a class that extends WorkerHost/);
  });

  it('a transient processor', async () => {
    @Processor('q')
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      @Process('x')
      x(): void {}
    }
    await expect(explore([Transient])).rejects.toThrow(InvalidProcessorError);
    await expect(explore([Transient])).rejects.toThrow(/^Transient is transient.*Scope\.REQUEST/);
  });

  it.each<[string, () => void]>([
    ['concurrency', () => Processor('q', { concurrency: 0 })(Target)],
    ['concurency', () => Processor('q', { concurency: 1 } as WorkerOptions)(Target)],
    ['name', () => Processor('')(Target)],
    ['name', () => Processor('a\u001eb')(Target)],
    ['name', () => Processor({ name: 'a\nb' })(Target)],
    ['scope', () => Processor({ name: 'q', scope: Scope.TRANSIENT })(Target)],
    ['scope', () => Processor({ name: 'q', scope: 'REQUEST' as unknown as Scope })(Target)],
    ['durable', () => Processor({ name: 'q', durable: true })(Target)],
    ['durable', () => Processor({ name: 'q', scope: Scope.REQUEST, durable: 1 as unknown as boolean })(Target)],
    ['scoop', () => Processor({ name: 'q', scoop: Scope.REQUEST } as { name: string })(Target)],
  ])('@Processor() with a wrong %s', async (path, decorate) => {
    decorate();
    const attempt = explore([Target]);
    await expect(attempt).rejects.toThrow(InvalidOptionsError);
    await expect(attempt).rejects.toMatchObject({ path });
    await expect(attempt).rejects.toThrow(/^Target: @Processor\(\)/);
  });

  class Target {
    @Process('x')
    x(): void {}
  }

  it.each<[string, Parameters<typeof Process>[0]]>([
    ['name', ''],
    ['timeout', { timeout: 0 }],
    ['nme', { nme: 'x' } as object],
  ])('@Process() with a wrong %s', async (path, options) => {
    @Processor('q')
    class Wrong {
      @Process(options)
      x(): void {}
    }
    const attempt = explore([Wrong]);
    await expect(attempt).rejects.toMatchObject({ path, code: 'PGQUEUE_INVALID_OPTIONS' });
    await expect(attempt).rejects.toThrow(/^Wrong\.x: @Process\(\)/);
  });

  it('an event that no worker has', async () => {
    @Processor('q')
    class Wrong {
      @Process('x')
      x(): void {}
      @OnWorkerEvent('drained' as 'active')
      drained(): void {}
    }
    await expect(explore([Wrong])).rejects.toThrow(/Wrong\.drained: @OnWorkerEvent\('drained' \(string\)\)/);
  });
});
