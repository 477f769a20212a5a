/* Linear forms of loop variables. */
#include "linear.h"

#include <string.h>

linear linear_constant(int64_t constant)
{
    return (linear){.constant = constant};
}

linear linear_variable(int variable)
{
    return (linear){.count = 1, .terms = {{variable, 1}}};
}

static bool add_term(linear *form, int variable, int64_t factor)
{
    int at = 0;
    while (at < form->count && form->terms[at].variable < variable)
        at++;
    if (at < form->count && form->terms[at].variable == variable) {
        form->terms[at].factor += factor;
        if (form->terms[at].factor == 0) {
            form->count--;
            memmove(&form->terms[at], &form->terms[at + 1], (size_t)(form->count - at) * sizeof(linear_term));
        }
        return true;
    }
    if (factor == 0)
        return true;
    if (form->count == LINEAR_MAX_TERMS)
        return false;
    memmove(&form->terms[at + 1], &form->terms[at], (size_t)(form->count - at) * sizeof(linear_term));
    form->terms[at] = (linear_term){variable, factor};
    form->count++;
    return true;
}

bool linear_add(linear *a, const linear *b, int64_t factor)
{
    a->constant += factor * b->constant;
    for (int i = 0; i < b->count; i++)
        if (!add_term(a, b->terms[i].variable, factor * b->terms[i].factor))
            return false;
    return true;
}

bool linear_equal(const linear *a, const linear *b)
{
    if (a->constant != b->constant || a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (a->terms[i].variable != b->terms[i].variable || a->terms[i].factor != b->terms[i].factor)
            return false;
    return true;
}

void linear_range(const linear *form, const variable_table *variables, int64_t *low, int64_t *high)
{
    *low = *high = form->constant;
    for (int i = 0; i < form->count; i++) {
        const index_variable *v = &variables->items[form->terms[i].variable];
        const int64_t factor = form->terms[i].factor;
        *low += factor * (factor > 0 ? v->low : v->high);
        *high += factor * (factor > 0 ? v->high : v->low);
    }
}

int64_t linear_lane_stride(const linear *form, const variable_table *variables)
{
    int64_t stride = 0;
    for (int i = 0; i < form->count; i++) {
        const int64_t one = variables->items[form->terms[i].variable].lane_stride;
        if (one == LANE_IRREGULAR)
            return LANE_IRREGULAR;
        stride += one * form->terms[i].factor;
    }
    return stride;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool linear_split(const linear *form, const variable_table *variables, int64_t divisor, linear *quotient, linear *remainder)
{
    int64_t low, high;
    *quotient = linear_constant(0);
    *remainder = linear_constant(form->constant);
    for (int i = 0; i < form->count; i++) {
        const linear_term *t = &form->terms[i];
        if (t->factor % divisor == 0)
            quotient->terms[quotient->count++] = (linear_term){t->variable, t->factor / divisor};
        else
            remainder->terms[remainder->count++] = *t;
    }
    linear_range(remainder, variables, &low, &high);
    quotient->constant = floor_divide(low, divisor);
    remainder->constant -= quotient->constant * divisor;
    return floor_divide(high, divisor) == quotient->constant;
}

void linear_write(const linear *form, const variable_table *variables, text *out)
{
    const bool several = form->count + (form->constant != 0) > 1;
    if (form->count == 0) {
        text_addf(out, "%lld", (long long)form->constant);
        return;
    }
    if (several)
        text_add(out, "(");
    for (int i = 0; i < form->count; i++) {
        const linear_term *t = &form->terms[i];
        const int64_t magnitude = t->factor < 0 ? -t->factor : t->factor;
        text_add(out, t->factor < 0 ? (i > 0 ? " - " : "-") : (i > 0 ? " + " : ""));
        text_add(out, variables->items[t->variable].name);
        if (magnitude != 1)
            text_addf(out, " * %lld", (long long)magnitude);
    }
    if (form->constant != 0)
        text_addf(out, " %c %lld", form->constant < 0 ? '-' : '+',
                  (long long)(form->constant < 0 ? -form->constant : form->constant));
    if (several)
        text_add(out, ")");
}
