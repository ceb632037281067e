export class Cut {}
