/** Something that ends by itself and is obtained again once two thirds of its life have passed; asked for once however many wait. */
export class ShortLived<T extends { readonly expiresAt: Date }> {
  readonly #obtain: () => Promise<T>;
  #current: { value: Promise<T>; renewAt: number } | undefined;

  constructor(obtain: () => Promise<T>) {
    this.#obtain = obtain;
  }

  async get(): Promise<T> {
    if (this.#current !== undefined && Date.now() < this.#current.renewAt) return this.#current.value;
    const asked = Date.now();
    const current = { value: this.#obtain(), renewAt: Number.POSITIVE_INFINITY };
    this.#current = current;
    try {
      const value = await current.value;
      current.renewAt = asked + ((value.expiresAt.getTime() - asked) * 2) / 3;
      return value;
    } catch (error) {
      if (this.#current === current) this.#current = undefined;
      throw error;
    }
  }
}
